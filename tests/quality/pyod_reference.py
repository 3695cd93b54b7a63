"""What PyOD makes of the tabular data sets: figures, scores and times, as JSON for the runner in model/benches/quality.

    python pyod_reference.py FOLDER OUTPUT [--sets glass,vowels] [--seeds 10] [--no-autoencoder]

FOLDER holds one CSV file per data set, with a header and the label (0 or 1) in the last column. Every detector has
PyOD's defaults and contamination 0.1, and sees columns of mean 0 and deviation 1. The figures are taken of
`decision_scores_`, that is, of the rows that the detector was fitted to. Detectors that draw random numbers are fitted
once per seed.

Deterministic detectors also leave their scores: those of the rows they were fitted to, and those of some unseen rows,
by a detector fitted to every other row and asked for one row at a time, since what ECOD and COPOD say of a row depends
on the rows that are asked for together with it. A detector whose scores are not finite is left out of its data set.
"""

import argparse
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pyod.version
from pyod.models.copod import COPOD
from pyod.models.ecod import ECOD
from pyod.models.hbos import HBOS
from pyod.models.iforest import IForest
from pyod.models.knn import KNN
from pyod.models.lof import LOF
from pyod.models.ocsvm import OCSVM
from pyod.models.pca import PCA
from pyod.utils.utility import precision_n_scores
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

CONTAMINATION = 0.1
# Unseen rows that are scored one by one.
UNSEEN = 300

DETERMINISTIC = {
    "knn_largest": lambda: KNN(contamination=CONTAMINATION, method="largest"),
    "knn_mean": lambda: KNN(contamination=CONTAMINATION, method="mean"),
    "knn_median": lambda: KNN(contamination=CONTAMINATION, method="median"),
    "lof": lambda: LOF(contamination=CONTAMINATION),
    "ocsvm": lambda: OCSVM(contamination=CONTAMINATION),
    "hbos": lambda: HBOS(contamination=CONTAMINATION),
    "ecod": lambda: ECOD(contamination=CONTAMINATION),
    "copod": lambda: COPOD(contamination=CONTAMINATION),
    "pca": lambda: PCA(contamination=CONTAMINATION),
}
# With the default tolerance of 1e-3, libsvm stops where two solvers agree to three digits; scores are compared here.
TIGHT = {"ocsvm": lambda: OCSVM(contamination=CONTAMINATION, tol=1e-9)}
RANDOM = {"isolation_forest": lambda seed: IForest(contamination=CONTAMINATION, random_state=seed)}


def add_autoencoder():
    try:
        from pyod.models.auto_encoder import AutoEncoder
    except ImportError as missing:
        print(f"!!! the autoencoder is left out: {missing}", file=sys.stderr)
        return
    RANDOM["autoencoder"] = lambda seed: AutoEncoder(contamination=CONTAMINATION, random_state=seed, verbose=0)


def read(path):
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    return table[:, :-1], table[:, -1].astype(int)


def figures(truth, scores):
    return [
        float(roc_auc_score(truth, scores)),
        float(average_precision_score(truth, scores)),
        float(precision_n_scores(truth, scores)),
    ]


def summary(rows):
    """Mean and deviation (divisor n - 1) over the seeds of each figure."""
    rows = np.array(rows)
    deviation = rows.std(axis=0, ddof=1) if len(rows) > 1 else np.zeros(rows.shape[1])
    names = ("roc_auc", "average_precision", "precision_at_n")
    return {name: [float(m), float(s)] for name, m, s in zip(names, rows.mean(axis=0), deviation)}


def scores_of_unseen(build, raw):
    scaler = StandardScaler().fit(raw[::2])
    detector = build().fit(scaler.transform(raw[::2]))
    rows = scaler.transform(raw[1::2][:UNSEEN])
    return [float(detector.decision_function(row[None, :])[0]) for row in rows]


def reference(raw, truth, seeds):
    scaled = StandardScaler().fit_transform(raw)
    detectors = {}
    for name, build in DETERMINISTIC.items():
        started = time.perf_counter()
        detector = build().fit(scaled)
        if not np.isfinite(detector.decision_scores_).all():
            # PCA divides by the variances of components, which are 0 where columns depend on each other.
            print(f"  !!! {name}: scores are infinite", file=sys.stderr)
            continue
        compared = TIGHT.get(name, build)
        scored = compared().fit(scaled) if name in TIGHT else detector
        detectors[name] = summary([figures(truth, detector.decision_scores_)]) | {
            "scores": scored.decision_scores_.tolist(),
            "unseen": scores_of_unseen(compared, raw),
        }
        print(f"  {name}: {time.perf_counter() - started:.1f} s", file=sys.stderr)
    for name, build in RANDOM.items():
        started = time.perf_counter()
        runs = [figures(truth, build(seed).fit(scaled).decision_scores_) for seed in range(seeds)]
        detectors[name] = summary(runs) | {"seeds": seeds}
        print(f"  {name}: {time.perf_counter() - started:.1f} s", file=sys.stderr)
    return {"rows": len(raw), "features": raw.shape[1], "anomalies": int(truth.sum()), "detectors": detectors}


def median_time(job, times):
    job()
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        job()
        taken.append(time.perf_counter() - started)
    return float(np.median(taken))


def speed(features):
    """Seconds for a fit of 1,000 rows, for one row, and for 10,000 rows at once; the runner times ours on rows like them."""
    random = np.random.default_rng(1)
    training = random.uniform(0.0, 1.0, (1000, features, 3)).sum(axis=2)
    batch = random.uniform(0.0, 1.0, (10_000, features, 3)).sum(axis=2)
    builds = DETERMINISTIC | {name: lambda build=build: build(0) for name, build in RANDOM.items()}
    found = {}
    for name, build in builds.items():
        detector = build().fit(training)
        found[name] = {
            "fit": median_time(lambda: build().fit(training), 3),
            "row": median_time(lambda: detector.decision_function(batch[:1]), 30),
            "batch": median_time(lambda: detector.decision_function(batch), 1),
        }
    return found


def main():
    warnings.filterwarnings("ignore")
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("output", type=Path)
    arguments.add_argument("--sets", help="names of data sets, separated by commas; all when left out")
    arguments.add_argument("--seeds", type=int, default=10)
    arguments.add_argument("--no-autoencoder", action="store_true")
    chosen = arguments.parse_args()
    if not chosen.no_autoencoder:
        add_autoencoder()

    wanted = chosen.sets.split(",") if chosen.sets else sorted(path.stem for path in chosen.folder.glob("*.csv"))
    found = {"pyod": pyod.version.__version__, "sets": {}}
    for name in wanted:
        print(name, file=sys.stderr)
        found["sets"][name] = reference(*read(chosen.folder / f"{name}.csv"), chosen.seeds)
    print("speed", file=sys.stderr)
    found["speed"] = {str(features): speed(features) for features in (1, 8)}
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
