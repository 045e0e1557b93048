package sink_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/test/load/scale/sink"
)

// TestSink: each path has its count, and another path is refused.
func TestSink(t *testing.T) {
	s, err := sink.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{
		sink.Events: http.StatusOK, sink.Traces: http.StatusOK, "/other": http.StatusNotFound,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(path), strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if err := answer.Body.Close(); err != nil || answer.StatusCode != want {
			t.Errorf("%s: want %d, got %d, %v", path, want, answer.StatusCode, err)
		}
	}
	if got, want := s.Counts(), (sink.Counts{Events: 1, Traces: 1}); got != want {
		t.Errorf("want %+v, got %+v", want, got)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}
