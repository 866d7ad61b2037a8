import pytest

from homegrown.store import Store


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "work") as opened:
        yield opened
