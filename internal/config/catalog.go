package config

// ignored is a key of Tekton that has no effect in Sluice.
type ignored struct {
	key string
	// agrees are the values with which Tekton and Sluice behave alike. They need no notice.
	agrees []string
	// security is true if administrators set the key to restrict users.
	security bool
	// because says what Sluice does instead.
	because string
}

// Reasons of several keys.
const (
	alwaysOn = "it is always on"
	absent   = "the feature does not exist here"
	ownPace  = "the controller has its own backoff and queue"
	// otherTracing is the reason of the keys for traces.
	otherTracing = "config-tracing has the settings of traces"
)

// ignoredFlags returns the ignored keys of feature-flags.
func ignoredFlags() []ignored {
	return []ignored{
		{key: keyAPIFields, agrees: []string{"alpha", "beta"}, because: "every field of the API can be used"},
		{key: "enable-provenance-in-status", agrees: []string{"true"}, because: alwaysOn},
		{key: "enable-cel-in-whenexpression", agrees: []string{"true"}, because: alwaysOn},
		{key: "enable-param-enum", agrees: []string{"true"}, because: alwaysOn},
		{key: "enable-step-actions", agrees: []string{"true"}, because: alwaysOn},
		{key: "enable-kubernetes-sidecar", agrees: []string{"true"}, because: alwaysOn},
		{key: "enable-termination-message-compression", agrees: []string{"true"}, because: alwaysOn},
		{key: "enable-informer-cache-transforms", agrees: []string{"true"}, because: alwaysOn},
		{key: "enable-artifacts", agrees: []string{"true"}, because: alwaysOn},
		{key: "enable-concise-resolver-syntax", agrees: []string{"false"}, because: absent},
		{key: "enable-tekton-oci-bundles", agrees: []string{"false"}, because: absent},
		{key: "enable-wait-exponential-backoff", agrees: []string{"false"}, because: ownPace},
		{key: "disable-affinity-assistant", agrees: []string{"false"}, because: "use coschedule"},
		{key: "per-namespace-configuration", agrees: []string{"false", "disabled"}, because: absent},
	}
}

// ignoredDefaults returns the ignored keys of config-defaults.
func ignoredDefaults() []ignored {
	return []ignored{
		{key: "default-resolver-type", because: "name the resolver in each reference"},
		{key: "default-affinity-assistant-pod-template", because: "there is no affinity assistant; coschedule acts on the pods of runs"},
		{key: "default-create-container-error-timeout", because: "a container that cannot be created fails its run after 10 minutes"},
		{key: "default-sidecar-log-polling-interval", because: "the results sidecar does not poll"},
		{key: "default-step-ref-concurrency-limit", because: "the controller reads StepActions from its cache"},
	}
}

// ignoredObservability returns the ignored keys of config-observability.
func ignoredObservability() []ignored {
	const newer = "use metrics-protocol"
	return []ignored{
		{key: "tracing-protocol", agrees: []string{"none"}, because: otherTracing},
		{key: "tracing-endpoint", because: otherTracing},
		{key: "tracing-sampling-rate", because: otherTracing},
		{key: "runtime-profiling", agrees: []string{"disabled"}, because: "use --pprof-bind-address of the controller"},
		{key: "runtime-export-interval", because: "the metrics of the Go runtime are sent together with the others"},
		{key: "profiling.enable", agrees: []string{"false"}, because: "use --pprof-bind-address of the controller"},
		{key: "metrics.backend-destination", agrees: []string{"prometheus"}, because: newer},
		{key: "metrics.request-metrics-backend-destination", agrees: []string{"prometheus"}, because: newer},
		{key: "metrics.reporting-period-seconds", because: "use metrics-export-interval"},
		{key: "metrics.opencensus-address", because: newer},
		{key: "metrics.stackdriver-project-id", because: newer},
		{key: "metrics.allow-stackdriver-custom-metrics", agrees: []string{"false"}, because: newer},
	}
}

// unread returns the ConfigMaps without effect in the namespace of the installation, by name.
func unread() map[string]ignored {
	return map[string]ignored{
		"config-spire":                      {because: "use the signed-results-* keys of feature-flags (docs/signed-results.md)"},
		"config-leader-election":            {because: "the periods of leader election are fixed"},
		"config-leader-election-controller": {because: "the periods of leader election are fixed"},
		"config-leader-election-webhook":    {because: "the controller serves the webhooks"},
		"config-leader-election-events":     {because: "the controller sends the events"},
		"config-leader-election-resolvers":  {because: "the resolvers have the periods of the controller"},
		"config-logging":                    {because: "use --log-level of the controller"},
		"config-registry-cert":              {because: "image lookup uses the CA certificates of the controller's image"},
		"config-wait-exponential-backoff":   {because: ownPace},
	}
}

// resolverFlagsName is the ConfigMap that enables resolvers. The controller reads it only to report keys without effect there.
const resolverFlagsName = "resolvers-feature-flags"

// resolverFlagKeys returns the keys of resolvers-feature-flags that have an effect in the program cmd/resolvers.
func resolverFlagKeys() []string {
	return []string{"enable-bundles-resolver", "enable-git-resolver", "enable-hub-resolver", "enable-http-resolver"}
}

// ignoredResolverFlags returns the keys of resolvers-feature-flags without effect in the controller.
func ignoredResolverFlags() []ignored {
	return []ignored{{
		key:      "enable-cluster-resolver",
		agrees:   []string{"true"},
		security: true,
		because: "the controller resolves the references of resolver \"cluster\" itself; " +
			"set blocked-namespaces of cluster-resolver-config to \"*\"",
	}}
}
