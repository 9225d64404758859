"""Asks ``score.py`` as Azure ML's own server runs it, in a process of its own: it reads its environment when it
is imported: `python -m tests.serving.azure_server MODELS < questions.json`; a list of status and body comes back."""

from __future__ import annotations

import json
import os
import sys

from lakehouse.settings import ROOT


def main(models: str) -> None:
    os.environ |= {
        "AML_APP_ROOT": str(ROOT),
        "AZUREML_ENTRY_SCRIPT": "deploy/serving/score.py",
        "AZUREML_MODEL_DIR": models,
    }
    from azureml_inference_server_http.server import create_app

    client = create_app.create().test_client()
    replies = []
    for question in json.load(sys.stdin):
        body = question if isinstance(question, str) else json.dumps(question)
        reply = client.post("/score", data=body.encode(), headers={"Content-Type": "application/json"})
        replies.append([reply.status_code, reply.get_json(silent=True) or reply.get_data(as_text=True)])
    # What the server logs goes to the standard output.
    print("\n" + json.dumps(replies))


if __name__ == "__main__":
    main(sys.argv[1])
