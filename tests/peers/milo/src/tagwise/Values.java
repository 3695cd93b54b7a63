package tagwise;

import static org.eclipse.milo.opcua.stack.core.types.builtin.unsigned.Unsigned.ubyte;
import static org.eclipse.milo.opcua.stack.core.types.builtin.unsigned.Unsigned.uint;
import static org.eclipse.milo.opcua.stack.core.types.builtin.unsigned.Unsigned.ulong;
import static org.eclipse.milo.opcua.stack.core.types.builtin.unsigned.Unsigned.ushort;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import java.lang.reflect.Array;
import java.math.BigInteger;
import java.time.Instant;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import org.eclipse.milo.opcua.stack.core.OpcUaDataType;
import org.eclipse.milo.opcua.stack.core.types.builtin.ByteString;
import org.eclipse.milo.opcua.stack.core.types.builtin.DateTime;
import org.eclipse.milo.opcua.stack.core.types.builtin.LocalizedText;
import org.eclipse.milo.opcua.stack.core.types.builtin.Matrix;
import org.eclipse.milo.opcua.stack.core.types.builtin.QualifiedName;
import org.eclipse.milo.opcua.stack.core.types.builtin.Variant;
import org.eclipse.milo.opcua.stack.core.types.builtin.unsigned.UInteger;

/** The value of each type, and the way between values and the JSON of the line protocol. */
final class Values {
  static final Map<String, Variant> TYPED = new LinkedHashMap<>();
  private static final Gson JSON = new GsonBuilder().disableHtmlEscaping().serializeNulls().create();

  static {
    TYPED.put("Float", Variant.of(0.1f));
    TYPED.put("Double", Variant.of(0.1));
    TYPED.put("SByte", Variant.of((byte) -128));
    TYPED.put("Byte", Variant.of(ubyte(255)));
    TYPED.put("Int16", Variant.of((short) -32768));
    TYPED.put("UInt16", Variant.of(ushort(65535)));
    TYPED.put("Int32", Variant.of(Integer.MIN_VALUE));
    TYPED.put("UInt32", Variant.of(uint(4294967295L)));
    TYPED.put("Int64", Variant.of(-9007199254740993L));
    TYPED.put("UInt64", Variant.of(ulong(new BigInteger("18446744073709551615"))));
    TYPED.put("String", Variant.of("grün \"q\" \n"));
    TYPED.put("Boolean", Variant.of(true));
    TYPED.put("DateTime", Variant.of(new DateTime(Instant.parse("2026-01-02T03:04:05.123456700Z"))));
    TYPED.put("ByteString", Variant.of(ByteString.of(new byte[] {0, 1, 7})));
    TYPED.put("Guid", Variant.of(UUID.fromString("72962b91-fa75-4ae6-8d28-b404dc7daf63")));
    TYPED.put("LocalizedText", Variant.of(new LocalizedText("de", "Schwingung")));
    TYPED.put("QualifiedName", Variant.of(new QualifiedName(0, "Vibration")));
    TYPED.put("NaN", Variant.of(Double.NaN));
    TYPED.put("Int32Array", Variant.of(new Integer[] {1, 2, 3}));
    TYPED.put("DoubleArray", Variant.of(new Double[] {1.5, -2.0}));
    TYPED.put("BooleanArray", Variant.of(new Boolean[] {true, false}));
    TYPED.put("StringArray", Variant.of(new String[] {"a", "ü"}));
    TYPED.put("Int32Matrix", Variant.of(new Matrix(new Integer[][] {{1, 2, 3}, {4, 5, 6}})));
  }

  private Values() {}

  static OpcUaDataType dataType(Variant variant) {
    return OpcUaDataType.fromNodeId(variant.getDataTypeId().orElseThrow());
  }

  /** As a node declares them; null for a scalar. */
  static UInteger[] dimensions(Variant variant) {
    Object value = variant.getValue();
    if (value instanceof Matrix matrix) {
      int[] lengths = matrix.getDimensions();
      var dimensions = new UInteger[lengths.length];
      for (int at = 0; at < lengths.length; at++) {
        dimensions[at] = uint(lengths[at]);
      }
      return dimensions;
    }
    return value.getClass().isArray() ? new UInteger[] {uint(0)} : null;
  }

  static Variant parse(OpcUaDataType type, String json) {
    JsonElement element = JsonParser.parseString(json);
    if (!element.isJsonArray()) {
      return Variant.of(parseScalar(type, element));
    }
    JsonArray list = element.getAsJsonArray();
    Object array = Array.newInstance(type.getBackingClass(), list.size());
    for (int at = 0; at < list.size(); at++) {
      Array.set(array, at, parseScalar(type, list.get(at)));
    }
    return Variant.of(array);
  }

  private static Object parseScalar(OpcUaDataType type, JsonElement json) {
    return switch (type) {
      case Boolean -> json.getAsBoolean();
      case SByte -> json.getAsByte();
      case Byte -> ubyte(json.getAsShort());
      case Int16 -> json.getAsShort();
      case UInt16 -> ushort(json.getAsInt());
      case Int32 -> json.getAsInt();
      case UInt32 -> uint(json.getAsLong());
      case Int64 -> json.getAsLong();
      case UInt64 -> ulong(json.getAsBigInteger());
      case Float -> json.getAsFloat();
      case Double -> json.getAsDouble();
      case String -> json.getAsString();
      case DateTime -> new DateTime(Instant.parse(json.getAsString()));
      case ByteString -> ByteString.of(Base64.getDecoder().decode(json.getAsString()));
      case Guid -> UUID.fromString(json.getAsString());
      default -> throw new IllegalArgumentException("no JSON for " + type);
    };
  }

  static String print(Variant variant) {
    return JSON.toJson(element(variant.getValue()));
  }

  private static JsonElement element(Object value) {
    if (value == null) {
      return JsonNull.INSTANCE;
    }
    if (value instanceof Matrix matrix) {
      return element(matrix.nestedArrayValue());
    }
    if (value.getClass().isArray()) {
      var list = new JsonArray();
      for (int at = 0; at < Array.getLength(value); at++) {
        list.add(element(Array.get(value, at)));
      }
      return list;
    }
    if (value instanceof Boolean truth) {
      return new JsonPrimitive(truth);
    }
    if (value instanceof Double number && !Double.isFinite(number)) {
      return JsonNull.INSTANCE;
    }
    if (value instanceof Number number) {
      // Gson prints what `toString` says, which are all digits for the unsigned types too.
      return new JsonPrimitive(number);
    }
    if (value instanceof DateTime time) {
      return new JsonPrimitive(time.getJavaInstant().toString());
    }
    if (value instanceof ByteString bytes) {
      return new JsonPrimitive(Base64.getEncoder().encodeToString(bytes.bytesOrEmpty()));
    }
    if (value instanceof LocalizedText text) {
      return pair("locale", text.locale(), "text", text.text());
    }
    if (value instanceof QualifiedName name) {
      return pair("name", name.name(), "namespaceIndex", name.namespaceIndex().intValue());
    }
    return new JsonPrimitive(value.toString());
  }

  private static JsonObject pair(String firstName, Object first, String secondName, Object second) {
    var object = new JsonObject();
    object.add(firstName, element(first));
    object.add(secondName, element(second));
    return object;
  }
}
