// Package layout places the nodes of an acyclic graph in layers, so that every edge leads to a later layer and few edges cross.
// It does not depend on the drawing: along counts from layer to layer, and across within a layer. The caller chooses which one
// is down. The same graph always gets the same layout.
package layout

import "slices"

// Node is the size of a node.
type Node struct{ Along, Across int }

// Edge leads from a node to another one. Both are positions in the list.
type Edge struct {
	From, To int
	// Hidden edges move To into a later layer, and are not drawn.
	Hidden bool
}

// Gaps are the spaces between parts.
type Gaps struct {
	// Along is between two layers.
	Along int
	// Across is between two nodes of a layer.
	Across int
	// Lane is the width of an edge that passes through a layer.
	Lane int
}

// Point is a place.
type Point struct{ Along, Across int }

// Place is the position of a node: its layer, and the corner with the smallest coordinates.
type Place struct {
	Layer int
	Point
}

// Drawing has all positions. All coordinates are 0 or more.
type Drawing struct {
	// Nodes are in the order of the input.
	Nodes []Place
	// Edges are in the order of the input: the points from the end of the first node, through the layers, to the beginning of
	// the second one. A hidden edge has none.
	Edges [][]Point
	// Along and Across are the size of the drawing.
	Along, Across int
	// Layers has the beginning of each layer.
	Layers []int
}

// Of places the nodes. Edges that make a cycle are drawn, but may lead to the same or an earlier layer.
func Of(nodes []Node, edges []Edge, gaps Gaps) Drawing {
	g := newGrid(nodes, edges, gaps)
	g.order()
	g.spread()
	return g.drawing()
}

// item is a node, or an edge that passes through a layer.
type item struct {
	layer         int
	size          Node
	before, after []int
	// behind has the sources of hidden edges. They give a position if no other edge does.
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
	// ways has the items of each edge, with both ends.
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

// layersOf puts each node into the layer after the last of its predecessors.
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

// sweeps is how often the order of all layers is improved, forward and back. More sweeps change little.
const sweeps = 8

// order moves each item of a layer near its connected items, and keeps the order with the fewest crossings.
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
