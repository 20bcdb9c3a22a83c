-- The soak's client writes this anew while the server runs.
return { number = 0, ballast = {} }
