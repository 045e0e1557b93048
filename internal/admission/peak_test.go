package admission_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/sluice-ci/sluice/internal/admission"
	"github.com/sluice-ci/sluice/internal/validation"
)

// TestTenOfTheWorstAtOnce: ten large objects of each difficult kind at the same time take memory for only one. The heap stays
// below 200 MB when that is the limit of the garbage collector, and every request gets a response.
func TestTenOfTheWorstAtOnce(t *testing.T) {
	const limit, atOnce = 200 << 20, 10
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(limit / 2))
	server := webhook.NewServer(webhook.Options{CertDir: t.TempDir()})
	admission.RegisterPatient(admission.All(validation.DefaultLimits, settings), server, 10*time.Minute)
	served := httptest.NewServer(server.WebhookMux())
	defer served.Close()
	const size = 1_500_000
	objects := map[string]string{
		"Steps": `{"spec":{"steps":[` + strings.Repeat(`{},`, size/3) + `{}]}}`,
	}
	for name, object := range worst() {
		if raw, err := json.Marshal(object); err == nil && strings.HasPrefix(name, "Task/") {
			objects[name] = string(raw)
		}
	}
	for name, object := range objects {
		t.Run(name, func(t *testing.T) {
			body := []byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1",` +
				`"operation":"CREATE","kind":{"group":"tekton.dev","version":"v1","kind":"Task"},"object":` + object + `}}`)
			var all sync.WaitGroup
			for i := range atOnce {
				path := []string{admission.DefaultingPath, admission.ValidatingPath}[i%2]
				all.Go(func() {
					request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, served.URL+path+"?timeout=10m", bytes.NewReader(body))
					if err != nil {
						t.Error(err)
						return
					}
					request.Header.Set("Content-Type", "application/json")
					answer, err := http.DefaultClient.Do(request)
					if err != nil {
						t.Error(err)
						return
					}
					defer answer.Body.Close()
					if text, err := io.ReadAll(answer.Body); err != nil || !bytes.Contains(text, []byte(`"allowed":`)) {
						t.Errorf("no answer: %d, %v, %.200s", answer.StatusCode, err, text)
					}
				})
			}
			done, peak := make(chan struct{}), uint64(0)
			go func() { all.Wait(); close(done) }()
			heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
			for tick := time.NewTicker(time.Millisecond); ; {
				metrics.Read(heap)
				peak = max(peak, heap[0].Value.Uint64())
				select {
				case <-tick.C:
					continue
				case <-done:
				}
				tick.Stop()
				break
			}
			if peak > limit {
				t.Errorf("the heap grew to %d MB", peak>>20)
			}
		})
	}
}
