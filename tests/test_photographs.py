"""Batches of photographs: which are taken, and which are not."""

from pathlib import Path

import pytest
import torch
from training_material import write_picture

from vidstyle.errors import InputError
from vidstyle.perception.photographs import Photographs
from vidstyle.training.read_ahead import read_ahead


def test_a_batch_depends_on_seed_and_step_alone(material: Path) -> None:
    photographs = Photographs(material / "photos", crop=64, batch=2, seed=3)
    in_order = list(read_ahead(photographs.batch, range(6)))
    torch.testing.assert_close(in_order[4], photographs.batch(4), rtol=0, atol=0)
    assert len(in_order) == 6
    assert in_order[0].shape == (2, 3, 64, 64)
    assert not torch.equal(in_order[0], in_order[1])


def test_broken_and_tiny_photographs_are_skipped_and_counted(material: Path) -> None:
    (material / "photos" / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    write_picture(material / "photos" / "tiny.png", 1, size=(9, 9))
    photographs = Photographs(material / "photos", crop=64, batch=4, seed=0)
    photographs.paths = sorted((material / "photos").iterdir())
    for step in range(12):
        assert photographs.batch(step).isfinite().all()
    assert {p.name for p in photographs.skipped} == {"broken.jpg", "tiny.png"}


def test_a_folder_without_usable_photographs_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no photographs"):
        Photographs(tmp_path, crop=64, batch=1, seed=0)
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / name).write_bytes(b"no picture")
    write_picture(tmp_path / "b.jpg", 1)
    with pytest.raises(InputError, match="2 photographs here could not be used"):
        Photographs(tmp_path, crop=64, batch=1, seed=0).batch(0)


def test_photographs_for_measuring_that_are_broken_are_an_error_before_training(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.jpg", 1)
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"kept for measuring could not be used: b\.jpg"):
        Photographs(tmp_path, crop=64, batch=1, seed=0)


def test_photographs_for_measuring_that_are_broken_are_counted(material: Path) -> None:
    before = Photographs(material / "photos", crop=64, batch=1, seed=0)
    assert not before.skipped
    broken = before.test_paths[-1]
    broken.write_bytes(b"no picture")
    assert Photographs(material / "photos", crop=64, batch=1, seed=0).skipped >= {broken}


def test_photographs_for_measuring_are_not_trained_on(material: Path) -> None:
    photographs = Photographs(material / "photos", crop=64, batch=1, seed=0)
    assert set(photographs.test_paths).isdisjoint(photographs.paths)
    assert {p.shape for p in photographs.held_back(48)} == {(3, 48, 48)}
