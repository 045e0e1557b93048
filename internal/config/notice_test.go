package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tektonKey is a key of Tekton with a value that is not the default.
type tektonKey struct{ configMap, key, value string }

// tektonKeys returns all keys of Tekton's ConfigMaps.
func tektonKeys() []tektonKey {
	var all []tektonKey
	add := func(configMap string, settings map[string]string) {
		for key, value := range settings {
			all = append(all, tektonKey{configMap, key, value})
		}
	}
	add("feature-flags", map[string]string{
		"results-from": "sidecar-logs", "max-result-size": "8192", "keep-pod-on-cancel": "true", "await-sidecar-readiness": "false",
		"set-security-context": "true", "set-security-context-read-only-root-filesystem": "true", "disable-creds-init": "true",
		"require-git-ssh-secret-known-hosts": "true", "coschedule": "disabled", "enforce-nonfalsifiability": "spire",
		"disable-inline-spec": "taskrun", "enable-api-fields": "stable", "embedded-status": "full",
		"running-in-environment-with-injected-sidecars": "false", "trusted-resources-verification-no-match-policy": "fail",
		"enable-provenance-in-status": "false", "enable-cel-in-whenexpression": "false", "enable-param-enum": "false",
		"enable-step-actions": "false", "enable-kubernetes-sidecar": "false", "enable-termination-message-compression": "false",
		"enable-artifacts": "false", "enable-concise-resolver-syntax": "true", "enable-tekton-oci-bundles": "true",
		"send-cloudevents-for-runs": "false", "enable-wait-exponential-backoff": "true", "enable-informer-cache-transforms": "false",
	})
	add("config-defaults", map[string]string{
		"default-timeout-minutes": "5", "default-service-account": "ci", "default-pod-template": "hostNetwork: true",
		"default-task-run-workspace-binding": "emptyDir: {}", "default-container-resource-requirements": "default: {requests: {cpu: 1m}}",
		"default-max-matrix-combinations-count": "2", "default-imagepullbackoff-timeout": "5m", "default-managed-by-label-value": "me",
		"default-forbidden-env": "HTTP_PROXY", "default-resolver-type": "git", "default-affinity-assistant-pod-template": "hostNetwork: true",
		"default-cloud-events-sink": "http://sink", "default-create-container-error-timeout": "5m", "default-maximum-resolution-timeout": "5m",
		"default-sidecar-log-polling-interval": "1s", "default-step-ref-concurrency-limit": "1",
	})
	add("cluster-resolver-config", map[string]string{
		"default-kind": "task", "default-namespace": "shared", "allowed-namespaces": "a", "blocked-namespaces": "*",
	})
	add("config-events", map[string]string{"formats": "cdevents", "sink": "http://sink"})
	add("resolvers-feature-flags", map[string]string{
		"enable-cluster-resolver": "false",
	})
	for configMap, keys := range map[string][]string{
		"config-observability": {
			"metrics-protocol", "metrics-endpoint", "metrics-export-interval", "tracing-protocol", "tracing-endpoint", "tracing-sampling-rate",
			"runtime-profiling", "runtime-export-interval", "metrics.taskrun.level", "metrics.taskrun.duration-type", "metrics.pipelinerun.level",
			"metrics.pipelinerun.duration-type", "metrics.count.enable-reason", "metrics.running-pipelinerun.level",
			"metrics.taskrun.throttle.enable-namespace",
		},
		"config-tracing":                    {"enabled", "endpoint", "credentialsSecret"},
		"config-spire":                      {"spire-trust-domain", "spire-socket-path", "spire-server-addr", "spire-node-alias-prefix"},
		"config-leader-election-controller": {"lease-duration", "renew-deadline", "retry-period", "buckets"},
		"config-leader-election-webhook":    {"lease-duration", "renew-deadline", "retry-period", "buckets"},
		"config-leader-election-events":     {"lease-duration", "renew-deadline", "retry-period", "buckets"},
		"config-logging":                    {"zap-logger-config", "loglevel.controller", "loglevel.webhook"},
		"config-registry-cert":              {"cert"},
		"config-wait-exponential-backoff":   {"duration", "factor", "jitter", "steps", "cap"},
	} {
		for _, key := range keys {
			all = append(all, tektonKey{configMap, key, "something"})
		}
	}
	return all
}

// inForce returns the parsed settings and their problems as text.
func inForce(configMap string, data map[string]string) string {
	switch configMap {
	case FlagsName:
		flags, problems := ParseFlags(data, []ResultsFrom{TerminationMessage, SidecarLogs})
		return fmt.Sprintf("%+v %v", flags, problems)
	case DefaultsName:
		defaults, problems := ParseDefaults(data)
		return fmt.Sprintf("%+v %v", defaults, problems)
	case ClusterResolverName:
		cluster, problems := ParseClusterResolver(data)
		return fmt.Sprintf("%+v %v", cluster, problems)
	case ObservabilityName:
		metrics, problems := ParseObservability(data)
		return fmt.Sprintf("%+v %v", metrics, problems)
	case TracingName:
		tracing, problems := ParseTracing(data)
		return fmt.Sprintf("%+v %v", tracing, problems)
	case EventsName:
		events, problems := ParseEvents(data)
		return fmt.Sprintf("%+v %v", events, problems)
	default:
		return ""
	}
}

// TestNoSettingIsIgnoredInSilence: each key of Tekton changes the settings, or is rejected, or gets a notice. Once it was only
// a line at level Info in the log of the controller, even for a security setting.
func TestNoSettingIsIgnoredInSilence(t *testing.T) {
	for _, k := range tektonKeys() {
		t.Run(k.configMap+"/"+k.key, func(t *testing.T) {
			data := map[string]string{k.key: k.value}
			if inForce(k.configMap, data) != inForce(k.configMap, nil) {
				return
			}
			notices := Notices(k.configMap, data)
			if len(notices) != 1 || notices[0].Standing == Unknown {
				t.Fatalf("%s: %s is neither acted on nor known: %v", k.configMap, k.key, notices)
			}
			for _, part := range []string{k.configMap, k.key, "Tekton"} {
				if !strings.Contains(notices[0].Text, part) {
					t.Errorf("the notice does not name %q: %s", part, notices[0].Text)
				}
			}
		})
	}
}

func TestNotices(t *testing.T) {
	cases := map[string]struct {
		reason    string
		configMap string
		data      map[string]string
		want      []Standing
		text      string // in the first
	}{
		"Nothing": {
			reason: "Keys that are acted on, and examples.", configMap: FlagsName,
			data: map[string]string{"results-from": "sidecar-logs", "_example": "x", "enable-api-fields": "beta", "embedded-status": "minimal"},
		},
		"Agrees": {
			reason: "What is so in any case needs no notice.", configMap: FlagsName,
			data: map[string]string{
				"enable-step-actions": "true",
				"enable-artifacts":    "true",
			},
		},
		"EmptyValue": {
			reason: "An empty value sets nothing.", configMap: DefaultsName,
			data: map[string]string{"default-affinity-assistant-pod-template": "", "default-resolver-type": " "},
		},
		"Security": {
			reason: "Security comes first, and is called that.", configMap: resolverFlagsName,
			data: map[string]string{"enable-cluster-resolver": "false", "a-key": "x"},
			want: []Standing{PolicyIgnored, Unknown},
			text: `resolvers-feature-flags: enable-cluster-resolver: "false": SECURITY: Tekton ` +
				`enforces this key, Sluice does not: the controller resolves the references of resolver "cluster" itself`,
		},
		"ResolverOff": {
			reason: "Whoever turned the resolver off believes that nobody reads other namespaces.", configMap: "resolvers-feature-flags",
			data: map[string]string{"enable-cluster-resolver": "false", "enable-git-resolver": "true"},
			want: []Standing{PolicyIgnored},
			text: `set blocked-namespaces of cluster-resolver-config to "*"`,
		},
		"Typo": {
			reason: "A near key is proposed.", configMap: FlagsName,
			data: map[string]string{"result-from": "sidecar-logs"},
			want: []Standing{Unknown}, text: `unknown key without effect, probably a typo; did you mean "results-from"?`,
		},
		"TypoOfIgnored": {
			reason: "Also one that would have no effect either.", configMap: FlagsName,
			data: map[string]string{"enable-artifact": "true"},
			want: []Standing{Unknown}, text: `did you mean "enable-artifacts"?`,
		},
		"Nonsense": {
			reason: "Where nothing is near, nothing is proposed.", configMap: FlagsName,
			data: map[string]string{"zzzzzzzzzzzzzz": "true"},
			want: []Standing{Unknown}, text: "probably a typo",
		},
		"Misplaced": {
			reason: "A key of another ConfigMap is sent there.", configMap: FlagsName,
			data: map[string]string{"default-timeout-minutes": "5"},
			want: []Standing{Unknown}, text: "has no effect in this ConfigMap; move it to ConfigMap config-defaults",
		},
		"UnreadMap": {
			reason: "A ConfigMap that is not read at all.", configMap: "config-logging",
			data: map[string]string{"loglevel.controller": "debug", "_example": "x"},
			want: []Standing{KnownIgnored}, text: "use --log-level",
		},
		"OtherMap": {
			reason: "ConfigMaps of others are none of our business.", configMap: "kube-root-ca.crt",
			data: map[string]string{"ca.crt": "x"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			notices := Notices(tc.configMap, tc.data)
			var got []Standing
			for _, n := range notices {
				got = append(got, n.Standing)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Fatalf("%s\n-want +got:\n%s", tc.reason, diff)
			}
			if len(notices) > 0 && !strings.Contains(notices[0].Text, tc.text) {
				t.Errorf("%s\nnotice %q, want %q in it", tc.reason, notices[0].Text, tc.text)
			}
		})
	}
}

// TestSummariesFitIntoEvents: for any ConfigMap an event has at most 1024 bytes, and a security setting is never dropped.
func TestSummariesFitIntoEvents(t *testing.T) {
	secure := map[string]string{"enable-cluster-resolver": strings.Repeat("ü", 100_000)}
	data := map[string]string{}
	for _, one := range ignoredFlags() {
		data[one.key] = strings.Repeat("x", 100_000)
	}
	for i := range 200 {
		data[fmt.Sprintf("%0250d", i)] = "x"
	}
	summaries := Summaries(append(Notices(FlagsName, data), Notices(resolverFlagsName, secure)...))
	if len(summaries) != 3 || summaries[0].Standing != PolicyIgnored ||
		!strings.Contains(summaries[0].Text, "the controller resolves the references of resolver") {
		t.Errorf("%d summaries: %+v", len(summaries), summaries)
	}
	for _, s := range summaries {
		if len(s.Text) > 1024 {
			t.Errorf("%d bytes: %s", len(s.Text), s.Text)
		}
	}
	if !strings.HasSuffix(summaries[2].Text, "more: run sluice doctor to see all") {
		t.Errorf("what is left out is not counted: %s", summaries[2].Text)
	}
}

func TestReadsNameEveryConfigMap(t *testing.T) {
	read := slices.Concat(Reads(), ReadsOfResolvers())
	wanted := map[string]bool{}
	for _, k := range tektonKeys() {
		wanted[k.configMap] = true
	}
	for name := range maps.Keys(wanted) {
		if !slices.Contains(read, name) {
			t.Errorf("ConfigMap %s is not read", name)
		}
	}
}
