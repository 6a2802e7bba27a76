"""The settings of a named-entity model beside the rules."""

from pathlib import Path
from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer

from psycopref.settings import Settings
from psycopref.text.privacy.spans import KINDS


class Entities(Settings):
    """A named-entity model beside the rules of masking: `model` is a folder or a Hub id
    (`owner/name@revision`) of token classification.

    `labels` maps its labels to placeholders (`PER = "NAME"`); what is not mapped is not masked, so
    places stay unless `LOC = "ADDRESS"` asks for them. A folder's path is no part of a step's key;
    the bytes of its files are. `rows` texts are read side by side.
    """

    model: str = Field(min_length=1)
    labels: dict[str, str] = Field(default_factory=lambda: {"PER": "NAME", "PERSON": "NAME"})
    threshold: float = Field(default=0.5, ge=0, le=1)
    rows: int = Field(default=32, ge=1, exclude=True)

    @field_validator("labels")
    @classmethod
    def _kinds(cls, labels: dict[str, str]) -> dict[str, str]:
        wrong = sorted(set(labels.values()) - set(KINDS))
        if wrong or not labels:
            raise ValueError(
                f"labels map to {', '.join(KINDS)}; {wrong[0] if wrong else 'nothing'!r} is none of"
                " them"
            )
        return labels

    @model_serializer(mode="wrap")
    def _keyed(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {
            name: "folder" if name == "model" and Path(self.model).is_dir() else value
            for name, value in plain(self).items()
        }

    def files(self) -> list[Path]:
        """The files of the model where it is a folder."""
        folder = Path(self.model)
        return (
            sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
        )
