// @ts-check
// The keys of an answer with fields: what each does, for the list of keys and for the buttons below the fields.

export const KEYS = "123456789qwertyiopadjklzvbnm"; // without the commands s f c u g h x

/** @type {[string, string, string][]} act, key, words */
export const COMMANDS = [["save", "↵", "save, next"], ["rest", "⇧↵", "the rest is not in this text"], ["skip", "s", "skip"], ["flag", "f", "flag"],
  ["find", "/", "find"], ["comment", "c", "comment"], ["undo", "u", "undo"], ["guide", "g", "guideline"], ["hide", "h", "suggestions"]];

/** @param {boolean} hasLists @returns {[string, string][]} */
export const keysOf = (hasLists) => [
  ["← → ↑ ↓", "go from word to word"], ["Home End", "go to the beginning or the end of the line"], ["Shift + these", "choose several words"],
  ["/", "find words in the text; again: the next place"],
  ["1 – 9, letters", "give the words to the field that shows this key; open a choice, whose options then have keys; pressed twice: type"],
  ["Space", "give the words to the field that is marked"],
  ...(hasLists ? /** @type {[string, string][]} */ ([
    ["1 – 9 in a list", "its key enters a list; then the keys are those of the row's cells, and Escape leaves"],
    ["n N", "the next row of the list, the row before; behind the last one a new one"],
  ]) : []),
  [", .", "take hold of the mark before or behind; then ← → move its end, Shift + ← → its start"],
  ["Backspace", `remove the mark that is held, or what the field holds${hasLists ? "; with Shift the row" : ""}`],
  ["x", `the field is not in this text${hasLists ? "; in a new row: there are no more rows" : ""}`],
  ["+", "take what is suggested for the field, whole"], ["Escape", "let go"],
  ["Enter", "save the document, suggestions that are shown included, and go on; empty fields count as not looked at"],
  ["Shift + Enter", "the same, and empty fields are not in this text"],
];
