package plot

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "update the golden files")

func TestPictures(t *testing.T) {
	legend := []Entry{{Color: First, Name: "sidecar-logs"}, {Color: Second, Name: "termination-message"}, {Color: Limit, Name: "bare pod"}}
	cases := map[string]struct {
		reason string
		got    string
	}{
		"strips": {
			reason: "each time is a dot, the median a line, and the limit goes through all",
			got: Strips("Times of one & <more>", legend, 0.8, "limit", []Strip{
				{Label: "bare pod", Color: Limit, Values: []float64{0.7, 0.8, 0.9}},
				{Label: "one TaskRun", Color: First, Values: []float64{1, 1, 1.2, 3.3}},
				{Color: Second, Values: []float64{2}},
				{Label: "nothing measured", Color: Second},
			}),
		},
		"curves": {
			reason: "a curve has a dot for each value, a line to the 95th percentile where there is one, and its last value beside it",
			got: Curves("Growth", "runs at once", []Mark{{Name: "0"}, {X: 30, Name: "30"}, {X: 60, Name: "60"}}, []Curve{
				{Entry: legend[0], Points: []Point{{X: 0, Y: 1, High: 2}, {X: 60, Y: 40}}},
				{Entry: legend[2], Dashed: true, Points: []Point{{X: 30, Y: 20}}},
			}),
		},
		"groups": {
			reason: "the longest bar of each group has the same length, and a value of zero can be seen",
			got: Groups("Both", legend[:2], []Group{
				{Name: "seconds", Bars: []Bar{{First, 4, "4 s"}, {Second, 1, "1 s"}}},
				{Name: "memory & more", Bars: []Bar{{First, 98, "98 MiB"}, {Second, 49, "49 MiB"}, {Limit, 0, "0 MiB"}}},
			}),
		},
		"hops": {
			reason: "a bar goes from the moment before to its own; one that comes before the one above has no length",
			got: Hops("Way", legend[:1], []Hop{
				{Name: "created", At: 0.01, Color: First},
				{Name: "started", At: 0.5, Color: Limit},
				{Name: "earlier", At: 0.4, Color: First},
				{Name: "done", At: 0.9, Color: First},
			}),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for decoder := xml.NewDecoder(strings.NewReader(tc.got)); ; {
				if _, err := decoder.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("the picture is not XML: %v", err)
				}
			}
			path := filepath.Join("testdata", name+".svg")
			if *update {
				if err := os.WriteFile(path, []byte(tc.got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), tc.got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestTicks(t *testing.T) {
	cases := map[string]struct {
		reason string
		most   float64
		want   []float64
	}{
		"zero":     {reason: "an axis of nothing still has a length", most: 0, want: []float64{0, 1}},
		"one":      {reason: "four steps are too few for 0.5, and five for 0.2 enough", most: 1, want: []float64{0, 0.2, 0.4, 0.6, 0.8, 1}},
		"over":     {reason: "the last tick is not below the largest value", most: 3.3, want: []float64{0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5}},
		"hundreds": {reason: "large values have large steps", most: 90, want: []float64{0, 20, 40, 60, 80, 100}},
		"exactly":  {reason: "a round value is the last tick itself", most: 4, want: []float64{0, 1, 2, 3, 4}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, ticks(tc.most), cmp.Comparer(func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 })); diff != "" {
				t.Errorf("ticks(%v): %s (-want +got):\n%s", tc.most, tc.reason, diff)
			}
		})
	}
}
