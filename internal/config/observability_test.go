package config

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseObservability(t *testing.T) {
	base := defaultObservability()
	changed := func(change func(*Observability)) Observability {
		o := base
		change(&o)
		return o
	}
	cases := map[string]struct {
		reason   string
		data     map[string]string
		want     Observability
		problems []string
	}{
		"None": {
			reason: "Tekton's defaults",
			want:   base,
		},
		"Levels": {
			reason: "each metric has its level",
			data: map[string]string{
				keyTaskRunLevel: "taskrun", keyPipelineRunLevel: "namespace", keyRunningLevel: "pipelinerun",
			},
			want: changed(func(o *Observability) {
				o.TaskRunLevel, o.PipelineRunLevel, o.RunningLevel = LevelTaskRun, LevelNamespace, LevelPipelineRun
			}),
		},
		"EmptyRunningLevel": {
			reason: "Tekton's spelling of the whole cluster",
			data:   map[string]string{keyRunningLevel: ""},
			want:   base,
		},
		"Types": {
			reason: "gauges, and labels that are off by default",
			data: map[string]string{
				keyTaskRunDuration: "lastvalue", keyPipelineRunDuration: "lastvalue", keyDurationReason: "true", keyThrottleNamespace: "true",
			},
			want: changed(func(o *Observability) {
				o.TaskRunDuration, o.PipelineRunDuration, o.DurationReason, o.ThrottleNamespace = LastValue, LastValue, true, true
			}),
		},
		"Sent": {
			reason: "to the default path of OTLP, at its default interval",
			data:   map[string]string{keyMetricsProtocol: "http/protobuf", keyMetricsEndpoint: "http://collector.monitoring:4318"},
			want: changed(func(o *Observability) {
				o.Export = Export{Endpoint: "http://collector.monitoring:4318/v1/metrics", Interval: time.Minute}
			}),
		},
		"SentElsewhere": {
			reason: "a path is used as it is",
			data: map[string]string{
				keyMetricsProtocol: "http/protobuf", keyMetricsEndpoint: "https://otlp.example.com/tenant/metrics", keyExportInterval: "30s",
			},
			want: changed(func(o *Observability) {
				o.Export = Export{Endpoint: "https://otlp.example.com/tenant/metrics", Interval: 30 * time.Second}
			}),
		},
		"NotSent": {
			reason: "the endpoint alone turns nothing on, and that is reported",
			data:   map[string]string{keyMetricsProtocol: "prometheus", keyMetricsEndpoint: "http://c:4318"},
			want:   base,
			problems: []string{
				`config-observability: metrics-endpoint: "http://c:4318" is not in effect unless metrics-protocol is "http/protobuf"; ` +
					`using the default nothing: no metrics are sent`,
			},
		},
		"WithoutEndpoint": {
			reason: "a default could be the collector of others",
			data:   map[string]string{keyMetricsProtocol: "http/protobuf"},
			want:   base,
			problems: []string{
				`config-observability: metrics-endpoint: "" is not the URL of a collector, such as http://HOST:4318/v1/metrics ` +
					`(cannot use this URL: want http:// or https://, and a host); using the default nothing: no metrics are sent`,
			},
		},
		"GRPC": {
			reason: "the protocol is not available, and the message says what to do",
			data:   map[string]string{keyMetricsProtocol: "grpc", keyMetricsEndpoint: "collector.monitoring:4317"},
			want:   base,
			problems: []string{
				`config-observability: metrics-protocol: "grpc" is not one of "http/protobuf", "prometheus" (instead of OTLP over gRPC, use ` +
					`the HTTP port of the collector, which is often 4318; metrics are served with any value, unless the flag ` +
					`--metrics-bind-address is 0); using the default prometheus`,
			},
		},
		"Interval": {
			reason: "too short an interval is a load without use",
			data: map[string]string{
				keyMetricsProtocol: "http/protobuf", keyMetricsEndpoint: "http://c:4318", keyExportInterval: "10ms",
			},
			want: changed(func(o *Observability) { o.Export = Export{Endpoint: "http://c:4318/v1/metrics", Interval: time.Minute} }),
			problems: []string{
				`config-observability: metrics-export-interval: "10ms" is not a duration from 1s to 1h, such as 30s; using the default 1m0s`,
			},
		},
		"LevelOfTheOtherKind": {
			reason: "a TaskRun has no level pipeline",
			data:   map[string]string{keyTaskRunLevel: "pipeline", keyPipelineRunLevel: "task"},
			want:   base,
			problems: []string{
				`config-observability: metrics.taskrun.level: "pipeline" is not one of "cluster", "namespace", "task", "taskrun"; ` +
					`using the default task`,
				`config-observability: metrics.pipelinerun.level: "task" is not one of "cluster", "namespace", "pipeline", "pipelinerun"; ` +
					`using the default pipeline`,
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, found := ParseObservability(tc.data)
			var problems []string
			for _, p := range found {
				problems = append(problems, p.Error())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.problems, problems); diff != "" {
				t.Errorf("problems: -want +got:\n%s", diff)
			}
		})
	}
}

// TestObservabilityFollowsItsConfigMap: a change takes effect without a restart, and what has no effect is an event.
func TestObservabilityFollowsItsConfigMap(t *testing.T) {
	cm := settingsIn("ns", ObservabilityName, map[string]string{
		keyTaskRunLevel: "namespace", keyPipelineRunLevel: "everything", "runtime-profiling": "enabled", "metrics.taskrun.levels": "task",
	})
	w := newWatched(cm)
	if err := w.Load(t.Context(), w.client); err != nil {
		t.Fatal(err)
	}
	if got := w.store.Load().Metrics; got.TaskRunLevel != LevelNamespace || got.PipelineRunLevel != LevelPipeline {
		t.Errorf("want the level of the ConfigMap, and the default for the invalid one, got %+v", got)
	}
	if diff := cmp.Diff([]string{"InvalidSetting", "SettingIgnored", "SettingUnknown"}, w.events()); diff != "" {
		t.Errorf("events: -want +got:\n%s", diff)
	}
	cm.Data = map[string]string{keyTaskRunLevel: "cluster"}
	if err := w.client.Update(t.Context(), cm); err != nil {
		t.Fatal(err)
	}
	if got := w.pass(t, "ns", ObservabilityName); len(got) > 0 {
		t.Errorf("want no events, got %q", got)
	}
	if got := w.store.Load().Metrics.TaskRunLevel; got != LevelCluster {
		t.Errorf("want the new level, got %s", got)
	}
}

// TestBesideTektonTheMetricsAreThoseOfBoth: Tekton's levels apply, and those of Sluice override them.
func TestBesideTektonTheMetricsAreThoseOfBoth(t *testing.T) {
	w := newWatched(
		settingsIn("tekton", ObservabilityName, map[string]string{keyTaskRunLevel: "namespace", keyPipelineRunLevel: "namespace"}),
		settingsIn("ns", SettingsName, map[string]string{keyPipelineRunLevel: "pipelinerun"}),
	)
	w.Beside("tekton")
	if err := w.Load(t.Context(), w.client); err != nil {
		t.Fatal(err)
	}
	if got := w.store.Load().Metrics; got.TaskRunLevel != LevelNamespace || got.PipelineRunLevel != LevelPipelineRun {
		t.Errorf("want the levels of both namespaces, got %+v", got)
	}
	if got := w.events(); len(got) > 0 {
		t.Errorf("want no events, got %q", got)
	}
}
