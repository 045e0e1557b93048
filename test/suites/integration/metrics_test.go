//go:build integration

package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/sluice-ci/sluice/internal/metrics"
	"github.com/sluice-ci/sluice/test/testutil/settings"
)

// scrape reads metrics as Prometheus does.
func scrape(ctx context.Context, address string) (map[string]*dto.MetricFamily, error) {
	page, err := get(ctx, "http://"+address+"/metrics")
	if err != nil {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(strings.NewReader(page))
}

// wantSeries returns an error until a metric has a series with exactly these labels, such as "namespace=ci status=success".
func wantSeries(address, metric, labels string) func(context.Context) error {
	return func(ctx context.Context) error {
		families, err := scrape(ctx, address)
		if err != nil {
			return err
		}
		var all []string
		for _, m := range families[metric].GetMetric() {
			var pairs []string
			for _, l := range m.GetLabel() {
				pairs = append(pairs, l.GetName()+"="+l.GetValue())
			}
			all = append(all, strings.Join(pairs, " "))
		}
		if !slices.Contains(all, labels) {
			return fmt.Errorf("%s has no series with %q, but %q", metric, labels, all)
		}
		return nil
	}
}

// TestScrape: Prometheus' parser reads every metric with the type in the catalog. The metrics of runs have the names of namespaces,
// Tasks and Pipelines, and another level takes effect without a restart.
func TestScrape(t *testing.T) {
	const (
		prefix   = "tekton_pipelines_controller_"
		duration = "_duration_seconds"
	)
	address := unusedAddress(t)
	supervise(t, newRelay(t), "--metrics-bind-address="+address)
	namespace := newPlace(t)
	playPods(t, namespace)
	create(t, taskRun(namespace, "alone"))
	create(t, pipelineRun(namespace, "release", "build"))
	awaitEnds(t, namespace, patience)
	in := "namespace=" + namespace
	eventually(t, wantSeries(address, prefix+"taskrun"+duration, in+" status=success task=anonymous"))
	eventually(t, wantSeries(address, prefix+"pipelinerun_taskrun"+duration, in+" pipeline=anonymous status=success task=build"))
	eventually(t, wantSeries(address, prefix+"pipelinerun"+duration, in+" pipeline=anonymous status=success"))
	eventually(t, wantSeries(address, prefix+"running_pipelineruns_waiting_on_pipeline_resolution", ""))
	families, err := scrape(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range metrics.Catalog() {
		if family := families[m.Name]; family != nil && !strings.EqualFold(family.GetType().String(), string(m.Type)) {
			t.Errorf("%s: want a %s, got a %s", m.Name, m.Type, family.GetType())
		}
	}
	settings.UntilEnd(t, shared.client, installation, "config-observability", map[string]string{
		"metrics.pipelinerun.level": "namespace", "metrics.pipelinerun.duration-type": "lastvalue",
	})
	eventually(t, func(ctx context.Context) error {
		families, err := scrape(ctx, address)
		if err == nil && len(families[prefix+"pipelinerun"+duration].GetMetric()) > 0 {
			err = fmt.Errorf("%s still has the series of the earlier level", prefix+"pipelinerun"+duration)
		}
		return err
	})
	create(t, pipelineRun(namespace, "again", "build"))
	awaitEnds(t, namespace, patience)
	eventually(t, wantSeries(address, prefix+"pipelinerun"+duration, in+" status=success"))
}

// TestMetricsAreSent: a collector gets the metrics by OTLP as soon as the settings name it, without a restart.
func TestMetricsAreSent(t *testing.T) {
	received := make(chan *collector.ExportMetricsServiceRequest, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		message := &collector.ExportMetricsServiceRequest{}
		if err == nil {
			err = proto.Unmarshal(body, message)
		}
		if err != nil || r.URL.Path != "/v1/metrics" {
			t.Errorf("want a message for metrics at %s: %v", r.URL.Path, err)
		}
		w.WriteHeader(http.StatusOK)
		select {
		case received <- message:
		default: // the test has seen enough
		}
	}))
	defer server.Close()
	supervise(t, newRelay(t))
	settings.UntilEnd(t, shared.client, installation, "config-observability", map[string]string{
		"metrics-protocol": "http/protobuf", "metrics-endpoint": server.URL, "metrics-export-interval": "1s",
	})
	eventually(t, func(context.Context) error {
		select {
		case message := <-received:
			for _, m := range message.GetResourceMetrics()[0].GetScopeMetrics()[0].GetMetrics() {
				if m.GetName() == "sluice_build_info" {
					return nil
				}
			}
			return errors.New("the message has no sluice_build_info")
		default:
			return errors.New("no message was received")
		}
	})
}
