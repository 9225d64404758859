"""Answers to single requests: business keys in, recommendations and risks out, by the code that scores in batch.

:mod:`ml.serving.core` is what answers; the HTTP interface, MLflow's pyfunc and Azure ML's ``score.py`` are shells
around it. It loads arrays and JSON: no Spark, no MLflow, no pickle.
"""
