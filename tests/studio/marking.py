"""A hand that marks words on the station's page, by mouse and by keys, as a person's does."""

from __future__ import annotations

from typing import Any

_PLACE = """([start, end]) => {
  const page = document.querySelector(".station-page");
  let at = 0, range = document.createRange();
  for (const block of page.children) {
    const walk = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
      const last = at + node.nodeValue.length;
      if (at <= start && start < last) range.setStart(node, start - at);
      if (at < end && end <= last) range.setEnd(node, end - at);
      at = last;
    }
    at += 1; // the line end between two pieces
  }
  const boxes = [...range.getClientRects()].filter((box) => box.width > 1), inside = page.getBoundingClientRect();
  const first = boxes[0], final = boxes.at(-1);
  if (first.top < Math.max(inside.top, 0) || final.bottom > Math.min(inside.bottom, innerHeight)) {
    page.scrollBy(0, first.top - inside.top - 40);
    if (inside.top < 0 || inside.top > innerHeight / 2) page.scrollIntoView();
  }
  return [first.left + 2, first.top + first.height / 2, final.right - 2, final.top + final.height / 2];
}"""


def _where(page: Any, start: int, end: int) -> list[float]:
    """Where words of the text are on the screen, once they stay there; offsets in UTF-16 units."""
    seen: list[list[float]] = []
    while len(seen) < 4 or any(one != seen[-1] for one in seen[-4:]):
        seen.append(page.evaluate(_PLACE, [start, end]))
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return seen[-1]


def click_at(page: Any, start: int, end: int) -> None:
    """Click into the middle of words on one line."""
    left, y, right, _ = _where(page, start, end)
    page.mouse.click((left + right) / 2, y)


def tap_at(page: Any, start: int, end: int) -> None:
    """Touch the middle of words on one line."""
    left, y, right, _ = _where(page, start, end)
    page.touchscreen.tap((left + right) / 2, y)


def drag_at(page: Any, start: int, end: int) -> None:
    """Draw over words, also over several lines."""
    left, top, right, bottom = _where(page, start, end)
    page.mouse.move(left, top)
    page.mouse.down()
    page.mouse.move((left + right) / 2, (top + bottom) / 2)
    page.mouse.move(right, bottom)
    page.mouse.up()


def click_on(page: Any, text: str, words: str) -> None:
    """Click on the first place of *words* in *text*."""
    click_at(page, text.index(words), text.index(words) + len(words))


def drag_over(page: Any, text: str, words: str) -> None:
    """Draw over the first place of *words* in *text*."""
    drag_at(page, text.index(words), text.index(words) + len(words))


def card(page: Any, name: str) -> Any:
    """The field beside the text."""
    return page.locator(f".field-card:has(.field-name strong:text-is('{name}'))")


def held(page: Any, name: str) -> str:
    """What a field holds, once nothing more is being read."""
    page.wait_for_selector(".field-problem:text('It is being read')", state="detached")
    one = card(page, name)
    return (
        one.locator("input").input_value() if one.locator("input").count() else one.locator(".field-words").inner_text()
    )


def press(page: Any, *keys: str) -> None:
    """Press keys, one after another."""
    for key in keys:
        page.keyboard.press(key)


def go_to(page: Any, words: str, key: str = "ArrowRight") -> None:
    """Arrow keys until the cursor is on a word."""
    for way in (*["ArrowLeft"] * 4, *[key] * 40):
        if page.locator(".mark-chosen").all_inner_texts() == [words]:
            return
        press(page, way)
    raise AssertionError(f"the cursor never came to {words!r}")
