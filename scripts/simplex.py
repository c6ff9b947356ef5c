"""Nelder and Mead's simplex search, for the deriving scripts: the standard library has none, and these
scripts shall run with Python alone."""

def nelder_mead(f, simplex, iterations):
    """The best point after this many steps from the given corners (one more than there are dimensions)."""
    dimensions = len(simplex) - 1
    values = [f(p) for p in simplex]
    for _ in range(iterations):
        order = sorted(range(len(simplex)), key=lambda i: values[i])
        simplex, values = [simplex[i] for i in order], [values[i] for i in order]
        centre = [sum(p[j] for p in simplex[:-1]) / (len(simplex) - 1) for j in range(dimensions)]
        def along(t):
            return [c + t * (w - c) for c, w in zip(centre, simplex[-1])]
        reflected = along(-1.0); value = f(reflected)
        if value < values[0]:
            further = along(-2.0); far = f(further)
            simplex[-1], values[-1] = (further, far) if far < value else (reflected, value)
        elif value < values[-2]:
            simplex[-1], values[-1] = reflected, value
        else:
            inner = along(0.5); near = f(inner)
            if near < values[-1]:
                simplex[-1], values[-1] = inner, near
            else:
                for i in range(1, len(simplex)):
                    simplex[i] = [(a + b) / 2 for a, b in zip(simplex[i], simplex[0])]
                    values[i] = f(simplex[i])
    return simplex[min(range(len(simplex)), key=lambda i: values[i])]
