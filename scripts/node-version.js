/**
 * Read by Nodes that are too old for everything else here: no imports, no recent syntax.
 *
 * @param {string} version as in `process.versions.node`
 * @returns {string | null} what to tell the user; null for a version that can run the service
 */
export function objectionToNode(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return null;
  return (
    `LLM Message Queue needs Node.js 20.19 or newer, and this is ${version}. Install a newer one ` +
    '(https://nodejs.org/en/download, or `nvm install 22`), check it with `node --version`, and run the same ' +
    'command again.'
  );
}

/** Ends this process, with a paragraph that says what to do, where its Node is too old. */
export function refuseOldNode() {
  const objection = objectionToNode(process.versions.node);
  if (objection === null) return;
  console.error(objection);
  process.exit(1);
}
