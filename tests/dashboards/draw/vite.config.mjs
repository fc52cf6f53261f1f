// The page waits at its top level, which older browsers than the one that draws could not.
export default { build: { target: "esnext" } };
