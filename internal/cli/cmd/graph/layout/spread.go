package layout

// spread sets the coordinates of the items of each layer: each as near as possible to the middle of its connected items.
func (g *grid) spread() {
	for _, layer := range g.layers {
		at := 0
		for _, i := range layer {
			g.items[i].across = at
			at += g.items[i].size.Across + g.gaps.Across
		}
	}
	for sweep := range sweeps {
		for n := range g.layers {
			layer := n
			if sweep%2 == 1 {
				layer = len(g.layers) - 1 - n
			}
			g.settle(g.layers[layer], sweep%2 == 0, sweep == sweeps-1)
		}
	}
	least := 0
	for i := range g.items {
		least = min(least, g.items[i].across)
	}
	for i := range g.items {
		g.items[i].across -= least
	}
}

// settle moves the items of one layer near their neighbors, in their order and with space between them.
func (g *grid) settle(layer []int, forth, both bool) {
	wishes, offsets := make([]float64, len(layer)), make([]int, len(layer))
	for i, at := range layer {
		if i > 0 {
			offsets[i] = offsets[i-1] + g.items[layer[i-1]].size.Across + g.gaps.Across
		}
		wishes[i] = g.wish(at, forth, both) - float64(offsets[i])
	}
	for i, value := range increasing(wishes) {
		g.items[layer[i]].across = round(value) + offsets[i]
	}
}

// wish returns the position of an item without other items in its layer.
func (g *grid) wish(at int, forth, both bool) float64 {
	neighbours := g.items[at].after
	if forth {
		neighbours = g.items[at].before
	}
	if both {
		neighbours = append(append([]int{}, g.items[at].before...), g.items[at].after...)
	}
	if len(neighbours) == 0 && forth {
		neighbours = g.items[at].behind
	}
	if len(neighbours) == 0 {
		return float64(g.items[at].across)
	}
	sum := 0.0
	for _, n := range neighbours {
		sum += float64(g.items[n].across) + float64(g.items[n].size.Across)/2
	}
	return sum/float64(len(neighbours)) - float64(g.items[at].size.Across)/2
}

func round(f float64) int {
	if f < 0 {
		return -int(0.5 - f)
	}
	return int(f + 0.5)
}

// increasing returns the non-decreasing numbers that are nearest to the given ones by the sum of squares (pool adjacent
// violators).
func increasing(values []float64) []float64 {
	type pool struct {
		sum float64
		n   int
	}
	var pools []pool
	for _, v := range values {
		pools = append(pools, pool{v, 1})
		for last := len(pools) - 1; last > 0; last-- {
			a, b := pools[last-1], pools[last]
			if a.sum/float64(a.n) <= b.sum/float64(b.n) {
				break
			}
			pools = append(pools[:last-1], pool{a.sum + b.sum, a.n + b.n})
		}
	}
	result := make([]float64, 0, len(values))
	for _, p := range pools {
		for range p.n {
			result = append(result, p.sum/float64(p.n))
		}
	}
	return result
}

// drawing returns the result for the caller.
func (g *grid) drawing() Drawing {
	d := Drawing{Edges: make([][]Point, len(g.edges))}
	begins, depth := make([]int, len(g.layers)), make([]int, len(g.layers))
	for n, layer := range g.layers {
		if n > 0 {
			begins[n] = begins[n-1] + depth[n-1] + g.gaps.Along
		}
		for _, at := range layer {
			depth[n] = max(depth[n], g.items[at].size.Along)
			d.Across = max(d.Across, g.items[at].across+g.items[at].size.Across)
		}
		d.Along = begins[n] + depth[n]
	}
	d.Layers = begins
	for i := range g.nodes {
		d.Nodes = append(d.Nodes, Place{g.items[i].layer, Point{begins[g.items[i].layer], g.items[i].across}})
	}
	for i, way := range g.ways {
		for n, at := range way {
			of := g.items[at]
			middle := of.across + of.size.Across/2
			if n > 0 {
				d.Edges[i] = append(d.Edges[i], Point{begins[of.layer], middle})
			}
			if n < len(way)-1 {
				end := begins[of.layer] + depth[of.layer]
				if n == 0 {
					end = begins[of.layer] + of.size.Along
				}
				d.Edges[i] = append(d.Edges[i], Point{end, middle})
			}
		}
	}
	return d
}
