package taskrun

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/resolve/image"
)

func account(name string, secrets ...string) *corev1.ServiceAccount {
	sa := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: name}}
	for _, s := range secrets {
		sa.Secrets = append(sa.Secrets, corev1.ObjectReference{Name: s})
	}
	return sa
}

func secret(name string, kind corev1.SecretType, annotation string, keys ...string) *corev1.Secret {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: name, Annotations: map[string]string{}}, Type: kind, Data: map[string][]byte{}}
	if annotation != "" {
		s.Annotations[annotation] = "https://example.com"
	}
	for _, key := range keys {
		s.Data[key] = []byte("hidden")
	}
	return s
}

func TestCredentials(t *testing.T) {
	objects := []client.Object{
		account("default", "git", "docker", "config", "token", "plain"), account("bot", "ssh"), account("careless", "gone"), account("none"),
		secret("git", corev1.SecretTypeBasicAuth, "tekton.dev/git-0", "username", "password"),
		secret("docker", corev1.SecretTypeBasicAuth, "tekton.dev/docker-0", "username", "password"),
		secret("config", corev1.SecretTypeDockerConfigJson, "", ".dockerconfigjson"),
		secret("token", corev1.SecretTypeServiceAccountToken, "", "token"), secret("plain", corev1.SecretTypeOpaque, "", "x"),
		secret("ssh", corev1.SecretTypeSSHAuth, "tekton.dev/git-0", "ssh-privatekey"),
	}
	cases := map[string]struct {
		reason  string
		account string
		flags   func(*config.Flags)
		want    []string
		blocked string
	}{
		"Default":    {"the service account that the pod runs as; what is not annotated is not looked at", "", func(*config.Flags) {}, []string{"git", "docker", "config"}, ""},
		"Own":        {"the run's own service account", "bot", func(*config.Flags) {}, []string{"ssh"}, ""},
		"Disabled":   {"disable-creds-init", "", func(f *config.Flags) { f.DisableCredentials = true }, nil, ""},
		"None":       {"nothing to set up", "none", func(*config.Flags) {}, nil, ""},
		"NoAccount":  {"the API server will say it when the pod is made", "absent", func(*config.Flags) {}, nil, ""},
		"Gone":       {"a secret that is not there is named", "careless", func(*config.Flags) {}, nil, `service account "careless" has the secret "gone", which is not there`},
		"KnownHosts": {"require-git-ssh-secret-known-hosts", "bot", func(f *config.Flags) { f.RequireKnownHosts = true }, nil, `secret "ssh" of service account "bot" has no key "known_hosts"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, objects, interceptor.Funcs{})
			flags := config.Default().Flags
			tc.flags(&flags)
			w.store.SetFlags(flags)
			obs, err := w.observe(t.Context(), taskRun(func(tr *v1.TaskRun) { tr.Spec.ServiceAccountName = tc.account }))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range obs.Needs.Credentials {
				got = append(got, s.Name)
				if s.Data != nil {
					t.Errorf("%s: what secret %q holds is not kept", tc.reason, s.Name)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			message := ""
			if obs.Needs.Blocked != nil {
				message = obs.Needs.Blocked.Condition.Message
			}
			if !strings.Contains(message, tc.blocked) || (message == "") != (tc.blocked == "") {
				t.Errorf("%s: want %q, got %q", tc.reason, tc.blocked, message)
			}
		})
	}
}

// silent is a run whose steps leave it to their images what they run.
func silent(tr *v1.TaskRun) {
	tr.Spec.TaskSpec.Steps = []v1.Step{{Name: "one", Image: "tool"}, {Name: "two", Image: "tool", Args: []string{"$(HOME)"}}, {Name: "three", Image: "said", Command: []string{"x"}}}
	tr.Spec.TaskSpec.Sidecars = []v1.Sidecar{{Name: "s", Image: "daemon"}}
}

func TestImages(t *testing.T) {
	w := newWorld(t, []client.Object{account("bot")}, interceptor.Funcs{})
	obs, err := w.observe(t.Context(), taskRun(silent, func(tr *v1.TaskRun) { tr.Spec.ServiceAccountName = "bot" }))
	if err != nil {
		t.Fatal(err)
	}
	spec := obs.Prepared.Task.Spec
	got := [][]string{
		slices.Concat([]string{spec.Steps[0].Image}, spec.Steps[0].Command, spec.Steps[0].Args),
		slices.Concat([]string{spec.Steps[1].Image}, spec.Steps[1].Command, spec.Steps[1].Args),
		slices.Concat([]string{spec.Steps[2].Image}, spec.Steps[2].Command, spec.Steps[2].Args),
		slices.Concat([]string{spec.Sidecars[0].Image}, spec.Sidecars[0].Command, spec.Sidecars[0].Args),
	}
	want := [][]string{
		{"tool@sha256:00", "/tool", "$$HOME", "default"}, // nothing of the image's is a variable
		{"tool@sha256:00", "/tool", "$$HOME", "$(HOME)"}, // what the step says takes the place of the image's arguments
		{"said", "x"}, // what is said is not looked up
		{"daemon@sha256:00", "/daemon", "$$HOME", "default"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if w.requests["look up tool as bot"] != 2 || w.requests["look up said as bot"] != 0 {
		t.Errorf("looked up for the run's own service account, and only where that is needed, got %v", w.requests)
	}
}

func TestImagesThatCannotBeHad(t *testing.T) {
	final := &image.Error{Step: "spec.steps[0]", Image: "tool", Why: "registry docker.io does not have it", Do: "correct the name"}
	cases := map[string]struct {
		reason string
		image  string
		err    error
		want   string
	}{
		"Absent":  {"what is not there ends the run", "tool", final, "False TaskRunImagePullFailed"},
		"Away":    {"a registry that does not answer is waited for", "tool", errors.New("registry docker.io did not answer in time"), "Unknown PullImageFailed"},
		"Sidecar": {"a sidecar runs as it is", "daemon", final, "Unknown Pending"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, []client.Object{taskRun(silent)}, interceptor.Funcs{})
			w.images[tc.image] = tc.err
			if tr := w.pass(t); reason(tr) != tc.want {
				t.Errorf("%s: want %s, got %+v", tc.reason, tc.want, tr.Status.Condition())
			}
		})
	}
}

func list(pairs ...string) corev1.ResourceList {
	out := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		out[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return out
}

func TestLimitRanges(t *testing.T) {
	ranges := func(items ...corev1.LimitRangeItem) []corev1.LimitRange {
		all := make([]corev1.LimitRange, len(items))
		for i, item := range items {
			if item.Type == "" {
				item.Type = corev1.LimitTypeContainer
			}
			all[i].Spec.Limits = []corev1.LimitRangeItem{item}
		}
		return all
	}
	example := corev1.LimitRangeItem{DefaultRequest: list("cpu", "1"), Min: list("cpu", "300m"), Default: list("cpu", "2"), Max: list("cpu", "3")}
	cases := map[string]struct {
		reason   string
		ranges   []corev1.LimitRange
		requests []corev1.ResourceList // of the two steps
		limits   corev1.ResourceList   // of the first
		want     []string              // requests for processors of the two steps and of what carries results
	}{
		"None":     {"without a LimitRange nothing is said", nil, []corev1.ResourceList{nil, nil}, nil, []string{"", "", ""}},
		"Share":    {"steps share the default, since they run one after the other", ranges(example), []corev1.ResourceList{nil, nil}, nil, []string{"500m", "500m", "300m"}},
		"Least":    {"a request below the minimum becomes the minimum", ranges(example), []corev1.ResourceList{list("cpu", "200m"), list("cpu", "1")}, nil, []string{"300m", "1", "300m"}},
		"Several":  {"the largest minimum and the smallest default hold", ranges(example, corev1.LimitRangeItem{DefaultRequest: list("cpu", "800m"), Min: list("cpu", "350m")}), []corev1.ResourceList{nil, nil}, nil, []string{"400m", "400m", "350m"}},
		"LargeMin": {"a share is no less than the minimum", ranges(corev1.LimitRangeItem{DefaultRequest: list("cpu", "1"), Min: list("cpu", "600m")}), []corev1.ResourceList{nil, nil}, nil, []string{"600m", "600m", "600m"}},
		"NoMin":    {"what carries results asks for nothing", ranges(corev1.LimitRangeItem{DefaultRequest: list("cpu", "1")}), []corev1.ResourceList{nil, nil}, nil, []string{"500m", "500m", "0"}},
		"Limit":    {"a request is not above the step's own limit", ranges(example), []corev1.ResourceList{nil, nil}, list("cpu", "400m"), []string{"400m", "500m", "300m"}},
		"Ratio":    {"where a limit may not be any multiple of the request, the default is left alone", ranges(corev1.LimitRangeItem{DefaultRequest: list("cpu", "1"), MaxLimitRequestRatio: list("cpu", "2")}), []corev1.ResourceList{nil, nil}, nil, []string{"500m", "500m", ""}},
		"OfPods":   {"what is said of pods is the API server's to hold", ranges(corev1.LimitRangeItem{Type: corev1.LimitTypePod, Min: list("cpu", "5")}), []corev1.ResourceList{nil, nil}, nil, []string{"", "", ""}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := runPod(corev1.PodPending, running(), running(), running())
			for i, r := range tc.requests {
				p.Spec.Containers[i].Resources.Requests = r.DeepCopy()
			}
			p.Spec.Containers[0].Resources.Limits = tc.limits
			fitLimitRanges(p, tc.ranges)
			var got []string
			for _, c := range p.Spec.Containers {
				text := ""
				if q, ok := c.Resources.Requests["cpu"]; ok {
					text = q.String()
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
