"""FastAPI, for uvicorn. A plain ``def``, since it would block the loop."""

from fastapi import FastAPI, UploadFile

from bench.frameworks.shared import model

app = FastAPI()
predictor = model()


@app.post("/predict")
def predict(photo: UploadFile) -> dict[str, int]:
    """The class of the photo."""
    return {"classIndex": predictor(photo.file.read())}
