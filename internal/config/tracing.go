package config

import (
	"fmt"
	"strings"

	"github.com/sluice-ci/sluice/internal/otlp"
)

// TracingName is the ConfigMap with the settings of traces.
const TracingName = "config-tracing"

// DefaultTracingEndpoint is the endpoint without a setting: that of Tekton.
const DefaultTracingEndpoint = "http://jaeger-collector.jaeger.svc.cluster.local:4318/v1/traces"

// Keys of config-tracing that have an effect.
const (
	keyTracingEnabled  = "enabled"
	keyTracingEndpoint = "endpoint"
	keyTracingSecret   = "credentialsSecret"
)

func tracingKeys() []string { return []string{keyTracingEnabled, keyTracingEndpoint, keyTracingSecret} }

// ignoredTracing returns the keys of config-tracing without effect.
func ignoredTracing() []ignored {
	return []ignored{
		{key: "sampling-ratio", agrees: []string{"1", "1.0"}, because: "the traces of all runs are sent; sample in the collector"},
		{key: "cacert", because: "the CA certificates of the controller's image are used"},
	}
}

// Tracing says whether the spans of runs are sent to a collector, and to which.
type Tracing struct {
	// Enabled: runs that start get a trace, and their spans are sent.
	Enabled bool
	// Endpoint is the URL of a collector that speaks OTLP over HTTP.
	Endpoint string
	// CredentialsSecret is the name of a Secret with username and password in the namespace of the installation; empty: none.
	CredentialsSecret string
}

func defaultTracing() Tracing { return Tracing{Endpoint: DefaultTracingEndpoint} }

// ParseTracing parses the data of the ConfigMap config-tracing. An empty map gives the defaults. Tracing is off if a setting is
// invalid: another collector than the intended one must not get spans.
func ParseTracing(data map[string]string) (Tracing, []SettingError) {
	tracing := defaultTracing()
	s := &settings{configMap: TracingName, data: data}
	s.boolean(keyTracingEnabled, &tracing.Enabled)
	if endpoint := strings.TrimSpace(data[keyTracingEndpoint]); endpoint != "" {
		tracing.Endpoint = endpoint
		if err := otlp.CheckURL(endpoint); err != nil {
			want := fmt.Sprintf("the URL of a collector, such as http://HOST:4318/v1/traces (%v)", err)
			s.refuseAddress(keyTracingEndpoint, want, "nothing: no traces are sent")
		}
	}
	if s.name(keyTracingSecret, &tracing.CredentialsSecret); len(s.problems) > 0 {
		tracing.Enabled = false // without the right credentials no collector accepts spans
	}
	return tracing, s.problems
}
