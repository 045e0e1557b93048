package usage

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"k8s.io/client-go/kubernetes"

	"github.com/sluice-ci/sluice/test/load/bench/metrics"
)

// Requests holds the numbers of requests that the API server has counted since it started.
type Requests struct {
	// Answered are all requests, by verb and resource.
	Answered map[string]int
	// Dispatched are the requests of service accounts outside of kube-system, which are those of controllers.
	Dispatched int
}

// The API server's metrics, and the default flow schema of service accounts.
const (
	answered   = "apiserver_request_total"
	dispatched = "apiserver_flowcontrol_dispatched_requests_total"
	accounts   = "service-accounts"
)

// Server reads the API server's counters.
func Server(ctx context.Context, kube kubernetes.Interface) (Requests, error) {
	page, err := kube.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return Requests{}, fmt.Errorf("cannot read metrics of the API server: %w", err)
	}
	samples, err := metrics.Parse(bytes.NewReader(page), answered, dispatched)
	if err != nil {
		return Requests{}, err
	}
	return requests(samples), nil
}

func requests(samples []metrics.Sample) Requests {
	all := metrics.Counts(samples, verbAndResource)
	flows := metrics.Counts(samples, func(s metrics.Sample) string {
		if s.Name == dispatched {
			return s.Labels["flow_schema"]
		}
		return ""
	})
	return Requests{Answered: all, Dispatched: flows[accounts]}
}

// verbAndResource returns the purpose of a request, such as "PATCH taskruns/status". It omits leases and watches, because
// components renew them all the time.
func verbAndResource(s metrics.Sample) string {
	resource := s.Labels["resource"]
	if s.Name != answered || resource == "" || resource == "leases" || s.Labels["verb"] == "WATCH" {
		return ""
	}
	if sub := s.Labels["subresource"]; sub != "" {
		resource += "/" + sub
	}
	return strings.ToUpper(s.Labels["verb"]) + " " + resource
}

// webhooks is the API server's histogram of the time that admission webhooks take.
const webhooks = "apiserver_admission_webhook_admission_duration_seconds"

// Webhooks returns the time in seconds for which the API server has waited for the controller's admission webhooks since it
// started.
func Webhooks(ctx context.Context, kube kubernetes.Interface) (float64, error) {
	page, err := kube.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return 0, fmt.Errorf("cannot read metrics of the API server: %w", err)
	}
	samples, err := metrics.Sums(bytes.NewReader(page), webhooks)
	return waited(samples), err
}

func waited(samples []metrics.Sample) float64 {
	total := 0.0
	for _, s := range samples {
		if strings.HasSuffix(s.Labels["name"], ".sluice.dev") {
			total += s.Value
		}
	}
	return total
}
