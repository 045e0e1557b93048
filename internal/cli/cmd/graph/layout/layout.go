// Package layout places the nodes of a graph without cycles in layers, so that every edge leads to a later layer and few of
// them cross. It knows nothing of what is drawn: along counts from layer to layer, across within a layer, and the caller
// says which of both is down. The same graph always gets the same places.
package layout

import "slices"

// Node is a node to be placed, with its size.
type Node struct{ Along, Across int }

// Edge leads from a node to another one, both by their positions in the list.
type Edge struct {
	From, To int
	// Hidden edges put To into a later layer, and are not drawn.
	Hidden bool
}

// Gaps are the room between things.
type Gaps struct {
	// Along is between two layers.
	Along int
	// Across is between two nodes of a layer.
	Across int
	// Lane is the width of the place where an edge passes through a layer.
	Lane int
}

// Point is a place.
type Point struct{ Along, Across int }

// Place is where a node is: its layer, and the corner with the smallest coordinates.
type Place struct {
	Layer int
	Point
}

// Drawing is where everything is. All coordinates are 0 or more.
type Drawing struct {
	// Nodes are as those that were given.
	Nodes []Place
	// Edges are as those that were given: the points from the end of the one node, through the layers between, to the
	// beginning of the other. A hidden edge has none.
	Edges [][]Point
	// Along and Across are the size of everything.
	Along, Across int
	// Layers is where each layer begins.
	Layers []int
}

// Of places the nodes. Edges that make a cycle are drawn, but may lead to the same or an earlier layer.
func Of(nodes []Node, edges []Edge, gaps Gaps) Drawing {
	g := newGrid(nodes, edges, gaps)
	g.order()
	g.spread()
	return g.drawing()
}

// item is a node, or the place where an edge passes through a layer.
type item struct {
	layer         int
	size          Node
	before, after []int
	// behind are those that hidden edges come from: a place, where nothing else gives one.
	behind []int
	across int
}

type grid struct {
	gaps  Gaps
	items []item
	nodes int
	// layers hold the items of each layer in their order.
	layers [][]int
	edges  []Edge
	// ways are the items that each edge passes, with both ends.
	ways [][]int
}

func newGrid(nodes []Node, edges []Edge, gaps Gaps) *grid {
	g := &grid{gaps: gaps, nodes: len(nodes), edges: edges, ways: make([][]int, len(edges))}
	for i, layer := range layersOf(len(nodes), edges) {
		g.add(item{layer: layer, size: nodes[i]})
	}
	for i, e := range edges {
		if e.Hidden {
			g.items[e.To].behind = append(g.items[e.To].behind, e.From)
			continue
		}
		way := []int{e.From}
		for layer := g.items[e.From].layer + 1; layer < g.items[e.To].layer; layer++ {
			way = append(way, g.add(item{layer: layer, size: Node{Across: gaps.Lane}}))
		}
		way = append(way, e.To)
		for n := 1; n < len(way); n++ {
			g.items[way[n-1]].after = append(g.items[way[n-1]].after, way[n])
			g.items[way[n]].before = append(g.items[way[n]].before, way[n-1])
		}
		g.ways[i] = way
	}
	return g
}

func (g *grid) add(i item) int {
	at := len(g.items)
	g.items = append(g.items, i)
	for len(g.layers) <= i.layer {
		g.layers = append(g.layers, nil)
	}
	g.layers[i.layer] = append(g.layers[i.layer], at)
	return at
}

// layersOf puts each node into the layer behind the last of those that lead to it.
func layersOf(nodes int, edges []Edge) []int {
	layers, waits, after := make([]int, nodes), make([]int, nodes), make([][]int, nodes)
	for _, e := range edges {
		after[e.From] = append(after[e.From], e.To)
		waits[e.To]++
	}
	var ready []int
	for n := range nodes {
		if waits[n] == 0 {
			ready = append(ready, n)
		}
	}
	for done := 0; done < len(ready); done++ {
		for _, next := range after[ready[done]] {
			layers[next] = max(layers[next], layers[ready[done]]+1)
			if waits[next]--; waits[next] == 0 {
				ready = append(ready, next)
			}
		}
	}
	return layers
}

// sweeps is how often the order of all layers is improved, forth and back. More changes little.
const sweeps = 8

// order puts each item of a layer near those that it is connected with, and keeps the order with the fewest crossings.
func (g *grid) order() {
	best, fewest := g.copyLayers(), g.crossings()
	for sweep := range sweeps {
		for n := range g.layers {
			layer, forth := n, sweep%2 == 0
			if !forth {
				layer = len(g.layers) - 1 - n
			}
			g.sortByNeighbours(layer, forth)
		}
		if crossings := g.crossings(); crossings < fewest {
			best, fewest = g.copyLayers(), crossings
		}
	}
	g.layers = best
}

func (g *grid) copyLayers() [][]int {
	layers := make([][]int, len(g.layers))
	for i := range layers {
		layers[i] = slices.Clone(g.layers[i])
	}
	return layers
}

func (g *grid) sortByNeighbours(layer int, forth bool) {
	position := g.positions()
	middle := map[int]float64{}
	for _, at := range g.layers[layer] {
		neighbours := g.items[at].before
		if !forth {
			neighbours = g.items[at].after
		}
		middle[at] = float64(position[at])
		if len(neighbours) > 0 {
			sum := 0
			for _, n := range neighbours {
				sum += position[n]
			}
			middle[at] = float64(sum) / float64(len(neighbours))
		}
	}
	slices.SortStableFunc(g.layers[layer], func(a, b int) int {
		switch {
		case middle[a] < middle[b]:
			return -1
		case middle[a] > middle[b]:
			return 1
		default:
			return 0
		}
	})
}

func (g *grid) positions() []int {
	position := make([]int, len(g.items))
	for _, layer := range g.layers {
		for i, at := range layer {
			position[at] = i
		}
	}
	return position
}

func (g *grid) crossings() int {
	position, n := g.positions(), 0
	for _, layer := range g.layers {
		for i, a := range layer {
			for _, b := range layer[i+1:] {
				for _, toA := range g.items[a].after {
					for _, toB := range g.items[b].after {
						if position[toA] > position[toB] {
							n++
						}
					}
				}
			}
		}
	}
	return n
}
