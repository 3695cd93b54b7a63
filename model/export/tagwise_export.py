"""Writes a model that was fitted in Python as JSON that tagwise reads. README.md describes the JSON.

As a module:

    from tagwise_export import export
    export(model, scaler=scaler, path="pump.json")

On a file that joblib or pickle wrote:

    python tagwise_export.py pump.joblib pump.json --scaler scaler.joblib

Takes scikit-learn's IsolationForest, PCA and MLPRegressor, PyOD's IForest, PCA and AutoEncoder, torch's Sequential,
and a Pipeline of StandardScaler and one of these.

LOADING A PICKLE RUNS WHATEVER CODE ITS AUTHOR PUT INTO IT. Give this script only files that you or people you trust
have written; the JSON that comes out holds numbers only and can be passed on safely.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

ACTIVATIONS = {
    # scikit-learn's names, then torch's classes.
    "identity": "identity",
    "relu": "relu",
    "tanh": "tanh",
    "logistic": "sigmoid",
    "ReLU": "relu",
    "Tanh": "tanh",
    "Sigmoid": "sigmoid",
}


def export(model, scaler=None, path=None, *, threshold=None, error=None, statistic="q"):
    """Gives the document as a dict, and writes it to `path` if there is one.

    scaler     fitted StandardScaler that rows go through before the model, if any
    threshold  score above which a row is an anomaly; for models that do not bring one (scikit-learn's PCA and
               MLPRegressor, torch), and to overrule the others'
    error      for MLPRegressor and torch: "norm" (default), "mean_square" or "mean_absolute" of row minus reconstruction
    statistic  for scikit-learn's PCA: "q" (squared reconstruction error) or "t2" (Hotelling's)
    """
    if qualified(model) == "sklearn.Pipeline":
        if scaler is not None or len(model.steps) != 2:
            raise ValueError("a pipeline must be a scaler and a model, and brings its scaler itself")
        scaler, model = model[0], model[1]
    writers = {
        "sklearn.IsolationForest": sklearn_forest,
        "sklearn.PCA": lambda model: sklearn_pca(model, statistic),
        "sklearn.MLPRegressor": lambda model: perceptron(model, error or "norm"),
        "pyod.IForest": pyod_forest,
        "pyod.PCA": pyod_pca,
        "pyod.AutoEncoder": pyod_autoencoder,
        "torch.Sequential": lambda model: torch_autoencoder(model, error or "norm"),
    }
    name = qualified(model)
    if name not in writers:
        raise TypeError(f"{name} cannot be exported; only {', '.join(writers)} and Pipeline can")
    found = writers[name](model)
    document = {"format": "tagwise-import", "version": 1, "kind": found.pop("kind"), "source": source(name)}
    own_scaler = found.pop("own_scaler", None)
    document |= {key: value for key, value in found.items() if value is not None}
    if threshold is not None:
        document["threshold"] = float(threshold)
        document.pop("contamination", None)
    if "threshold" not in document:
        raise ValueError(f"{name} brings no threshold; give one")
    scalings = [] if scaler is None else [standard(scaler)]
    scalings += [] if own_scaler is None else [own_scaler]
    if scalings:
        document["scaler"] = one_after_another(scalings)
    # JSON has no NaN and no infinity, and a model must have none either.
    text = json.dumps(document, allow_nan=False)
    if path is not None:
        Path(path).write_text(text + "\n", encoding="utf-8")
    return document


def qualified(model):
    return f"{type(model).__module__.split('.')[0]}.{type(model).__name__}"


def source(name):
    package = sys.modules[name.split(".")[0]]
    return f"{name} {getattr(package, '__version__', '')}".strip()


def standard(scaler):
    """Mean and scale of a StandardScaler."""
    if qualified(scaler) != "sklearn.StandardScaler":
        raise TypeError(f"{qualified(scaler)} cannot be exported as a scaler; only sklearn.StandardScaler can")
    features = scaler.n_features_in_
    mean = np.zeros(features) if scaler.mean_ is None else scaler.mean_
    scale = np.ones(features) if scaler.scale_ is None else scaler.scale_
    return np.asarray(mean, float), np.asarray(scale, float)


def one_after_another(scalings):
    """Several scalings as one: ((x - m1) / s1 - m2) / s2 = (x - (m1 + s1 m2)) / (s1 s2)."""
    mean, scale = scalings[0]
    for next_mean, next_scale in scalings[1:]:
        mean, scale = mean + scale * next_mean, scale * next_scale
    return {"mean": mean.tolist(), "scale": scale.tolist()}


# Forests


def forest(model):
    trees = []
    for estimator, features in zip(model.estimators_, model.estimators_features_):
        tree = estimator.tree_
        arrays = {
            "children_left": tree.children_left,
            "children_right": tree.children_right,
            "feature": tree.feature,
            "threshold": tree.threshold,
            "n_node_samples": tree.n_node_samples,
        }
        if not np.array_equal(features, np.arange(model.n_features_in_)):
            arrays["features"] = features
        trees.append({name: array.tolist() for name, array in arrays.items()})
    return {"max_samples": int(model.max_samples_), "trees": trees}


def sklearn_forest(model):
    contamination = None if model.contamination == "auto" else float(model.contamination)
    return {
        "kind": "isolation_forest",
        "features": int(model.n_features_in_),
        # The score is -score_samples + offset_, which is -decision_function, and an anomaly above 0.
        "offset": float(model.offset_),
        "threshold": 0.0,
        "contamination": contamination,
        "detector": forest(model),
    }


def pyod_forest(model):
    found = sklearn_forest(model.detector_)
    return found | pyod_threshold(model)


def pyod_threshold(model):
    """What every detector of PyOD has. predict_proba is made of the training scores."""
    scores = np.asarray(model.decision_scores_, float)
    return {
        "threshold": float(model.threshold_),
        "contamination": float(model.contamination),
        "training": {"samples": len(scores), "scores": scores.tolist()},
    }


# Principal components


def pyod_pca(model):
    return {
        "kind": "pca",
        "features": int(model.components_.shape[1]),
        "own_scaler": standard(model.scaler_) if model.standardization else None,
        "detector": {
            "statistic": "pyod",
            "components": model.selected_components_.tolist(),
            "scales": model.selected_w_components_.tolist(),
        },
    } | pyod_threshold(model)


def sklearn_pca(model, statistic):
    return {
        "kind": "pca",
        "features": int(model.n_features_in_),
        "training": {"samples": int(model.n_samples_)},
        "detector": {
            "statistic": statistic,
            "mean": model.mean_.tolist(),
            "components": model.components_.tolist(),
            "scales": model.explained_variance_.tolist(),
        },
    }


# Autoencoders


def network(error, layers):
    """Layers as (weights with a row per output, biases, activation)."""
    return {
        "kind": "autoencoder",
        "features": len(layers[0][0][0]),
        "detector": {
            "error": error,
            "layers": [
                {"weights": weights.T.tolist(), "biases": biases.tolist(), "activation": activation}
                for weights, biases, activation in layers
            ],
        },
    }


def perceptron(model, error):
    activations = [model.activation] * (len(model.coefs_) - 1) + [model.out_activation_]
    return network(
        error,
        [
            (weights.T, biases, ACTIVATIONS[activation])
            for weights, biases, activation in zip(model.coefs_, model.intercepts_, activations)
        ],
    )


def pyod_autoencoder(model):
    found = torch_autoencoder(model.model, "norm")
    if model.preprocessing:
        # PyOD adds the 1e-8, so that constant columns do not divide by 0.
        found["own_scaler"] = (np.asarray(model.X_mean, float), np.asarray(model.X_std, float) + 1e-8)
    return found | pyod_threshold(model)


def torch_autoencoder(model, error):
    layers = []
    for module in modules(model):
        name = type(module).__name__
        if name == "Linear":
            weights = array(module.weight)
            biases = np.zeros(len(weights)) if module.bias is None else array(module.bias)
            layers.append((weights, biases, "identity"))
        elif name == "BatchNorm1d" and layers and layers[-1][2] == "identity":
            layers[-1] = fold(layers[-1], module)
        elif name in ACTIVATIONS and layers and layers[-1][2] == "identity":
            layers[-1] = (*layers[-1][:2], ACTIVATIONS[name])
        elif name not in ("Dropout", "Identity"):
            raise TypeError(f"torch's {name} cannot be exported in this place")
    return network(error, layers)


def array(tensor):
    return tensor.detach().cpu().double().numpy()


def modules(module):
    """The modules in the order in which a row goes through them."""
    name = type(module).__name__
    if name == "Sequential":
        parts = module
    elif name == "AutoEncoderModel":  # PyOD's
        parts = [module.encoder, module.decoder]
    elif name == "LinearBlock":  # PyOD's
        parts = [module.linear]
        parts += [module.bn] if module.batch_norm else []
        parts += [module.activation] if module.has_act else []
    else:
        return [module]
    return [found for part in parts for found in modules(part)]


def fold(layer, norm):
    """Batch normalisation in use is a linear map, and goes into the one before it."""
    weights, biases, activation = layer

    def numbers(tensor, default):
        return np.full(len(biases), default) if tensor is None else array(tensor)

    gains = numbers(norm.weight, 1.0) / np.sqrt(numbers(norm.running_var, 1.0) + norm.eps)
    shifts = numbers(norm.bias, 0.0) + (biases - numbers(norm.running_mean, 0.0)) * gains
    return weights * gains[:, None], shifts, activation


def load(path):
    try:
        import joblib

        return joblib.load(path)
    except ImportError:
        import pickle

        return pickle.loads(Path(path).read_bytes())


def main():
    parser = argparse.ArgumentParser(description="Writes a fitted model as JSON that tagwise reads.")
    parser.add_argument("model", help="file that joblib or pickle wrote; only from people you trust")
    parser.add_argument("output", help="JSON file to write")
    parser.add_argument("--scaler", help="file with the StandardScaler before the model")
    parser.add_argument("--threshold", type=float, help="score above which a row is an anomaly")
    parser.add_argument("--error", choices=["norm", "mean_square", "mean_absolute"])
    parser.add_argument("--statistic", choices=["q", "t2"], default="q")
    arguments = parser.parse_args()
    print(
        "WARNING: loading a pickle runs whatever code its author put into it. Stop here unless you trust the author.",
        file=sys.stderr,
    )
    scaler = load(arguments.scaler) if arguments.scaler else None
    found = export(
        load(arguments.model),
        scaler,
        arguments.output,
        threshold=arguments.threshold,
        error=arguments.error,
        statistic=arguments.statistic,
    )
    print(f"{arguments.output}: {found['source']}, {found['features']} features, kind {found['kind']}")


if __name__ == "__main__":
    main()
