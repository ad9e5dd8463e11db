// long: 40 s until it is ended.
for (;;);
export default { fetch: () => Response.json("fine") };
