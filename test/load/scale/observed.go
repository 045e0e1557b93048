package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/test/load/scale/sink"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

// The scenarios that compare a controller that is observed in all ways with one that is not observed.
const (
	nameObserved   = "observed"
	nameUnobserved = "unobserved"
)

// observers are the settings that make the controller send events, traces and metrics to s.
func observers(s *sink.Sink) []*corev1.ConfigMap {
	settings := map[string]map[string]string{
		"config-events":  {"formats": "tektonv1", "sink": s.URL(sink.Events)},
		"config-tracing": {"enabled": "true", "endpoint": s.URL(sink.Traces)},
		"config-observability": {
			"metrics-protocol": "http/protobuf", "metrics-endpoint": s.URL(sink.Metrics), "metrics-export-interval": "5s",
			"metrics.taskrun.level": "task", "metrics.pipelinerun.level": "pipeline",
			"metrics.taskrun.duration-type": "histogram", "metrics.pipelinerun.duration-type": "histogram",
		},
	}
	maps := make([]*corev1.ConfigMap, 0, len(settings))
	for name, data := range settings {
		maps = append(maps, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: kube.Installation, Name: name}, Data: data})
	}
	return maps
}

// observe starts a sink, and creates the settings that make a controller use it. Stop removes both. After an error nothing is left.
func observe(ctx context.Context, c client.Client) (s *sink.Sink, stop func() error, err error) {
	if s, err = sink.Start(ctx); err != nil {
		return nil, nil, err
	}
	var created []*corev1.ConfigMap
	stop = func() error {
		failed := s.Stop()
		for _, each := range created {
			if err := c.Delete(context.WithoutCancel(ctx), each); err != nil {
				failed = errors.Join(failed, fmt.Errorf("cannot delete ConfigMap %q: %w", each.Name, err))
			}
		}
		return failed
	}
	for _, each := range observers(s) {
		if err := c.Create(ctx, each); err != nil {
			return nil, nil, errors.Join(fmt.Errorf("cannot create ConfigMap %q: %w", each.Name, err), stop())
		}
		created = append(created, each)
	}
	return s, stop, nil
}

// compare prints what it costs to be observed, if both scenarios were measured.
func compare(w io.Writer, rows []row) {
	named := map[string]row{}
	for _, r := range rows {
		named[r.Name] = r
	}
	on, off := named[nameObserved], named[nameUnobserved]
	if on.Received == nil || off.Processor == 0 {
		return
	}
	more := 100 * (float64(on.Processor)/float64(off.Processor) - 1)
	fmt.Fprintf(w, "observed: %d requests with events, %d with traces, %d with metrics; %s of processor time and not %s: %+.1f %%\n",
		on.Received.Events, on.Received.Traces, on.Received.Metrics, on.Processor.Round(10*time.Millisecond),
		off.Processor.Round(10*time.Millisecond), more)
}
