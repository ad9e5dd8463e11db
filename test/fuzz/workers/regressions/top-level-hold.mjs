// poison: was ended by V8 at 1 GB only, and the instance with it.
const held = [];
for (;;) held.push(new Array(100_000).fill(held.length));
export default { fetch: () => Response.json("fine") };
