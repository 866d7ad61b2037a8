// @ts-check
// CodeMirror, fetched by <sql-editor> when the query page opens.
import { autocompletion, closeBrackets, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { StandardSQL, sql } from "@codemirror/lang-sql";
import { HighlightStyle, bracketMatching, syntaxHighlighting } from "@codemirror/language";
import { EditorState } from "@codemirror/state";
import { EditorView, drawSelection, highlightActiveLine, keymap } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--chart-2)", fontWeight: "600" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--chart-1)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--chart-3)" },
  { tag: tags.comment, color: "var(--ink-3)", fontStyle: "italic" },
  { tag: [tags.function(tags.variableName), tags.standard(tags.name)], color: "var(--chart-4)" },
]);

const look = EditorView.theme({
  "&": { backgroundColor: "var(--surface)", color: "var(--ink)", border: "1px solid var(--line-control)", borderRadius: "var(--radius-s)", fontSize: "var(--text-s)" },
  "&.cm-focused": { outline: "none", borderColor: "var(--leaf)", boxShadow: "0 0 0 3px var(--leaf-soft)" },
  ".cm-scroller": { fontFamily: "var(--font-code)", lineHeight: "1.65", fontVariantLigatures: "none", minHeight: "120px", maxHeight: "46vh", overflow: "auto" },
  ".cm-content": { padding: "10px 4px", caretColor: "var(--ink)" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--surface-2) 70%, transparent)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--leaf-soft)" },
  ".cm-tooltip": { backgroundColor: "var(--surface)", border: "1px solid var(--line)", borderRadius: "var(--radius-s)", boxShadow: "var(--shadow-2)", overflow: "hidden" },
  ".cm-tooltip-autocomplete > ul > li": { padding: "3px 10px", color: "var(--ink)" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--leaf-soft)", color: "var(--leaf-strong)" },
  ".cm-matchingBracket": { backgroundColor: "var(--leaf-soft)", outline: "1px solid var(--leaf-line)" },
});

/** Tab stays the browser's own (a person who only has keys must be able to leave); Ctrl+Enter runs.
 * @param {ShadowRoot} root @param {{value: string, label: string, schema: Record<string, string[]>, onChange: (value: string) => void, onRun: () => void}} options */
export function createEditor(root, { value, label, schema, onChange, onRun }) {
  const run = () => (onRun(), true);
  const state = EditorState.create({
    doc: value,
    extensions: [
      keymap.of([{ key: "Mod-Enter", run }, ...completionKeymap, ...historyKeymap, ...defaultKeymap]),
      history(), drawSelection(), highlightActiveLine(), bracketMatching(), closeBrackets(), autocompletion(),
      sql({ dialect: StandardSQL, schema, upperCaseKeywords: false }),
      syntaxHighlighting(colours), look, EditorView.lineWrapping,
      EditorView.contentAttributes.of({ "aria-label": label }),
      EditorView.updateListener.of((update) => update.docChanged && onChange(update.state.doc.toString())),
    ],
  });
  return new EditorView({ state, parent: root, root });
}
