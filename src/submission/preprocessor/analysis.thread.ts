import type { Analysis } from '../../domain/message/message.events.js';
import { type AnalysedText, analysisOf, loadLibraries } from './analysis.js';

const libraries = await loadLibraries();

/** What the thread of `Analyser` does with a batch, in its order. */
export default function analyseAll(texts: readonly AnalysedText[]): Analysis[] {
  return texts.map((text) => analysisOf(text, libraries));
}
