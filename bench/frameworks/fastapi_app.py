"""A FastAPI application for uvicorn. A plain ``def`` keeps the view off the event loop."""

from fastapi import FastAPI, UploadFile

from bench.frameworks.shared import model

app = FastAPI()
predictor = model()


@app.post("/predict")
def predict(photo: UploadFile) -> dict[str, int]:
    """Return the class of the photo."""
    return {"classIndex": predictor(photo.file.read())}
