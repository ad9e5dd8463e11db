// A reason and a line of the log of 12 MB: more than D1 takes as a value, which ended the instance.
export default {
  async fetch(request) {
    if (!request.url.includes("/66/")) return Response.json("fine");
    console.log("line".repeat(3_000_000));
    throw new Error("long".repeat(3_000_000));
  },
};
