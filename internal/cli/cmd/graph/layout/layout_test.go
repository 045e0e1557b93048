package layout_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sluice-ci/sluice/internal/cli/cmd/graph/layout"
)

var gaps = layout.Gaps{Along: 10, Across: 2, Lane: 1}

func nodes(n int) []layout.Node {
	all := make([]layout.Node, n)
	for i := range all {
		all[i] = layout.Node{Along: 20, Across: 6}
	}
	return all
}

func TestOf(t *testing.T) {
	place := func(layer, along, across int) layout.Place {
		return layout.Place{Layer: layer, Point: layout.Point{Along: along, Across: across}}
	}
	cases := map[string]struct {
		reason string
		nodes  int
		edges  []layout.Edge
		want   []layout.Place
	}{
		"None": {reason: "nothing has no places"},
		"One": {
			reason: "one node is at the origin",
			nodes:  1,
			want:   []layout.Place{place(0, 0, 0)},
		},
		"Apart": {
			reason: "nodes that are not connected share a layer",
			nodes:  2,
			want:   []layout.Place{place(0, 0, 0), place(0, 0, 8)},
		},
		"Chain": {
			reason: "a chain is a straight line",
			nodes:  3,
			edges:  []layout.Edge{{From: 0, To: 1}, {From: 1, To: 2}},
			want:   []layout.Place{place(0, 0, 0), place(1, 30, 0), place(2, 60, 0)},
		},
		"Diamond": {
			reason: "what joins two is in the middle of them",
			nodes:  4,
			edges:  []layout.Edge{{From: 0, To: 1}, {From: 0, To: 2}, {From: 1, To: 3}, {From: 2, To: 3}},
			want:   []layout.Place{place(0, 0, 4), place(1, 30, 0), place(1, 30, 8), place(2, 60, 4)},
		},
		"Hidden": {
			reason: "a hidden edge moves a node only",
			nodes:  2,
			edges:  []layout.Edge{{From: 0, To: 1, Hidden: true}},
			want:   []layout.Place{place(0, 0, 0), place(1, 30, 0)},
		},
		"Crossed": {
			reason: "edges that cross are untangled",
			nodes:  4,
			edges:  []layout.Edge{{From: 0, To: 3}, {From: 1, To: 2}},
			want:   []layout.Place{place(0, 0, 0), place(0, 0, 8), place(1, 30, 8), place(1, 30, 0)},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, layout.Of(nodes(tc.nodes), tc.edges, gaps).Nodes); diff != "" {
				t.Errorf("%s\n%s", tc.reason, diff)
			}
		})
	}
}

// TestLongEdge: an edge over several layers has its own lane, so that it does not cross a node.
func TestLongEdge(t *testing.T) {
	d := layout.Of(nodes(3), []layout.Edge{{From: 0, To: 1}, {From: 1, To: 2}, {From: 0, To: 2}}, gaps)
	if len(d.Edges[2]) != 4 {
		t.Fatalf("want the points at both ends and on both sides of the layer between, got %v", d.Edges[2])
	}
	lane, node := d.Edges[2][1].Across, d.Nodes[1].Across
	if lane >= node && lane < node+6 {
		t.Errorf("the edge passes at %d, through the node at %d", lane, node)
	}
}

func TestCycle(t *testing.T) {
	d := layout.Of(nodes(2), []layout.Edge{{From: 0, To: 1}, {From: 1, To: 0}}, gaps)
	if len(d.Nodes) != 2 {
		t.Errorf("a cycle is drawn somehow, got %+v", d)
	}
}

// TestProperties: for any graph, edges lead to later layers, nodes do not overlap, and no position is negative.
func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "nodes")
		var edges []layout.Edge
		for range rapid.IntRange(0, 2*n).Draw(t, "edges") {
			if n < 2 {
				break
			}
			to := rapid.IntRange(1, n-1).Draw(t, "to")
			edges = append(edges, layout.Edge{From: rapid.IntRange(0, to-1).Draw(t, "from"), To: to})
		}
		d := layout.Of(nodes(n), edges, gaps)
		for _, e := range edges {
			if d.Nodes[e.From].Layer >= d.Nodes[e.To].Layer {
				t.Fatalf("edge %v does not lead to a later layer", e)
			}
		}
		for i, a := range d.Nodes {
			if a.Across < 0 || a.Along < 0 || a.Across+6 > d.Across || a.Along+20 > d.Along {
				t.Fatalf("node %d at %+v is outside of %d × %d", i, a, d.Along, d.Across)
			}
			for j, b := range d.Nodes[:i] {
				if a.Layer == b.Layer && a.Across < b.Across+6+gaps.Across && b.Across < a.Across+6+gaps.Across {
					t.Fatalf("nodes %d and %d overlap: %+v, %+v", i, j, a, b)
				}
			}
		}
		if diff := cmp.Diff(d, layout.Of(nodes(n), edges, gaps)); diff != "" {
			t.Fatalf("another time, another drawing\n%s", diff)
		}
	})
}
