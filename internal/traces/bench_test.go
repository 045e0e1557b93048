package traces_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/traces"
)

// BenchmarkTaskRun is what the trace of one TaskRun of two steps costs: alone in a request, and with a hundred others. The collector is in
// the same process.
func BenchmarkTaskRun(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer server.Close()
	_, tr, others := makeRuns(b)
	for name, together := range map[string]int{"Alone": 1, "Hundred": 100} {
		b.Run(name, func(b *testing.B) {
			e := newBench(b, config.Tracing{Enabled: true, Endpoint: server.URL}, others...)
			for n := 0; b.Loop(); n++ {
				e.TaskRun(tr)
				if n%together == together-1 {
					traces.Drain(b.Context(), e.workers[0])
				}
			}
		})
	}
}
