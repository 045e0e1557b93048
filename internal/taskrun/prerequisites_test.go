package taskrun

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/reconcile"
	"github.com/sluice-ci/sluice/internal/resolve/image"
	"github.com/sluice-ci/sluice/internal/resolve/image/queue"
)

func account(name string, secrets ...string) *corev1.ServiceAccount {
	sa := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: name}}
	for _, s := range secrets {
		sa.Secrets = append(sa.Secrets, corev1.ObjectReference{Name: s})
	}
	return sa
}

func secret(name string, kind corev1.SecretType, annotation string, keys ...string) *corev1.Secret {
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: name, Annotations: map[string]string{}},
		Type:       kind,
		Data:       map[string][]byte{},
	}
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
		account("default", "git", "docker", "config", "token", "plain"), account("bot", "ssh"),
		account("careless", "gone", "git", "lost"), account("none"),
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
		absent  []string
	}{
		"Default": {
			reason: "the service account that the pod runs as; what is not annotated is not looked at",
			flags:  func(*config.Flags) {},
			want:   []string{"git", "docker", "config"},
		},
		"Own": {
			reason:  "the run's own service account",
			account: "bot",
			flags:   func(*config.Flags) {},
			want:    []string{"ssh"},
		},
		"Disabled": {
			reason: "disable-creds-init",
			flags:  func(f *config.Flags) { f.DisableCredentials = true },
		},
		"None": {
			reason:  "nothing to set up",
			account: "none",
			flags:   func(*config.Flags) {},
		},
		"NoAccount": {
			reason:  "the API server will say it when the pod is made",
			account: "absent",
			flags:   func(*config.Flags) {},
		},
		"Gone": {
			reason:  "a secret that does not exist keeps no run from the others",
			account: "careless",
			flags:   func(*config.Flags) {},
			want:    []string{"git"},
			absent:  []string{"gone", "lost"},
		},
		"KnownHosts": {
			reason:  "require-git-ssh-secret-known-hosts",
			account: "bot",
			flags:   func(f *config.Flags) { f.RequireKnownHosts = true },
			blocked: `secret "ssh" of service account "bot" has no key "known_hosts"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, objects, interceptor.Funcs{})
			flags := config.Default().Flags
			tc.flags(&flags)
			w.store.SetFlags(flags)
			needs := planned(t, w.Reconciler, taskRun(func(tr *v1.TaskRun) { tr.Spec.ServiceAccountName = tc.account })).Needs
			var got []string
			for _, s := range needs.Credentials {
				got = append(got, s.Name)
				if s.Data != nil {
					t.Errorf("%s: what secret %q holds is not kept", tc.reason, s.Name)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.absent, needs.MissingSecrets); diff != "" {
				t.Errorf("%s: missing secrets: -want +got:\n%s", tc.reason, diff)
			}
			message := ""
			if needs.Blocked != nil {
				message = needs.Blocked.Condition.Message
			}
			if !strings.Contains(message, tc.blocked) || (message == "") != (tc.blocked == "") {
				t.Errorf("%s: want %q, got %q", tc.reason, tc.blocked, message)
			}
		})
	}
}

// TestMissingSecretsAreReported: a run whose service account lists secrets that do not exist starts, and one event names them.
func TestMissingSecretsAreReported(t *testing.T) {
	tr := taskRun(func(tr *v1.TaskRun) { tr.Spec.ServiceAccountName = "careless" })
	w := newWorld(t, []client.Object{tr, account("careless", "gone", "lost")}, interceptor.Funcs{})
	wantCondition(t, w.pass(t), "Unknown Pending")
	w.pass(t)
	var told []string
	for recorder := w.deps.Recorder.(*events.FakeRecorder); len(recorder.Events) > 0; {
		if event := <-recorder.Events; strings.Contains(event, reasonMissingSecret) {
			told = append(told, event)
		}
	}
	want := `Warning FailedToRetrieveSecret service account "careless" lists secrets that do not exist: ["gone" "lost"]`
	if len(told) != 1 || !strings.HasPrefix(told[0], want) {
		t.Errorf("want one event that begins with %q, got %q", want, told)
	}
}

// silent is a run whose steps leave it to their images what they run.
func silent(tr *v1.TaskRun) {
	tr.Spec.TaskSpec.Steps = []v1.Step{
		{Name: "one", Image: "tool"},
		{Name: "two", Image: "tool", Args: []string{"$(HOME)"}},
		{Name: "three", Image: "said", Command: []string{"x"}},
	}
	tr.Spec.TaskSpec.Sidecars = []v1.Sidecar{{Name: "s", Image: "daemon"}}
}

func TestImages(t *testing.T) {
	w := newWorld(t, []client.Object{account("bot")}, interceptor.Funcs{})
	plan := planned(t, w.Reconciler, taskRun(silent, func(tr *v1.TaskRun) { tr.Spec.ServiceAccountName = "bot" }))
	tool := func(args ...string) pod.ImageCommand {
		return pod.ImageCommand{Image: "tool@sha256:00", Command: []string{"/tool", "$$HOME"}, Args: args}
	}
	want := pod.ImageCommands{
		Steps: map[int]pod.ImageCommand{
			0: tool("default"), // nothing of the image's is a variable
			1: tool("$(HOME)"), // what the step says takes the place of the image's arguments
			// step 2 says what it runs, and its image is not looked up
		},
		Sidecars: map[int]pod.ImageCommand{0: {Image: "daemon@sha256:00", Command: []string{"/daemon", "$$HOME"}, Args: []string{"default"}}},
	}
	if diff := cmp.Diff(want, plan.Needs.Commands); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if s := plan.Prepared.Task.Spec.Steps[0]; s.Image != "tool" || len(s.Command) > 0 {
		t.Errorf("what was prepared stays as it is, got image %q and command %q", s.Image, s.Command)
	}
	if w.requests["look up tool as bot"] != 2 || w.requests["look up said as bot"] != 0 {
		t.Errorf("looked up for the run's own service account, and only where that is needed, got %v", w.requests)
	}
}

func TestImagesWithoutAnAnswer(t *testing.T) {
	final := &image.Error{Step: "spec.steps[0]", Image: "tool", Why: "registry docker.io does not have it", Do: "correct the name"}
	failed := &image.WaitError{Step: "spec.steps[0]", Image: "tool", Why: "registry docker.io did not answer", Tried: true}
	untried := &image.WaitError{Step: "spec.steps[0]", Image: "tool", Why: "the controller waits for registry docker.io"}
	full := &image.WaitError{Step: "spec.steps[0]", Image: "tool", Why: "too many image lookups wait", Full: true}
	cases := map[string]struct {
		reason string
		images map[string]error
		want   string
		says   string
		after  time.Duration
	}{
		"Absent": {
			reason: "An image that is not there ends the run.",
			images: map[string]error{"tool": final},
			want:   "False TaskRunImagePullFailed", says: "does not have it",
		},
		"AbsentBehindOneThatWaits": {
			reason: "One image that is not there is enough, whatever the others are.",
			images: map[string]error{"tool": untried, "other": final},
			want:   "False TaskRunImagePullFailed", says: "does not have it",
		},
		"Away": {
			reason: "A registry that does not answer is waited for; the lookup wakes the run.",
			images: map[string]error{"tool": failed},
			want:   "Unknown PullImageFailed", says: "did not answer", after: lookupPeriod,
		},
		"Asked": {
			reason: "A registry that has not answered yet is no failure.",
			images: map[string]error{"tool": untried},
			want:   "Unknown Pending",
			says:   `cannot look up image "tool" of spec.steps[0] yet: the controller waits for registry docker.io`,
			after:  lookupPeriod,
		},
		"FailureBehindOneThatWaits": {
			reason: "Of several images, the one that failed explains the wait.",
			images: map[string]error{"tool": untried, "other": failed},
			want:   "Unknown PullImageFailed", says: "did not answer", after: lookupPeriod,
		},
		"Full": {
			reason: "Nothing wakes a run whose lookup was not accepted.",
			images: map[string]error{"tool": full},
			want:   "Unknown Pending", says: "too many image lookups wait", after: reconcile.RetryPeriod,
		},
		"SidecarAbsent": {
			reason: "A sidecar runs as it is.",
			images: map[string]error{"daemon": final},
			want:   "Unknown Pending",
		},
		"SidecarAway": {
			reason: "A sidecar's registry is not waited for once it has failed.",
			images: map[string]error{"daemon": failed},
			want:   "Unknown Pending",
		},
		"SidecarAsked": {
			reason: "The first attempt for a sidecar is waited for.",
			images: map[string]error{"daemon": untried},
			want:   "Unknown Pending", says: "the controller waits for", after: lookupPeriod,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t,
				[]client.Object{taskRun(silent, func(tr *v1.TaskRun) { tr.Spec.TaskSpec.Steps[1].Image = "other" })},
				interceptor.Funcs{})
			w.images = tc.images
			result, err := w.Reconcile(t.Context(), ctrl.Request{NamespacedName: keyOf(taskRun())})
			if err != nil {
				t.Fatal(err)
			}
			tr := w.get(t)
			wantCondition(t, tr, tc.want, tc.says)
			if tc.after != 0 && result.RequeueAfter != tc.after {
				t.Errorf("%s: it looks again after %s, want %s", tc.reason, result.RequeueAfter, tc.after)
			}
		})
	}
}

// hanging is a registry that never answers.
type hanging struct{ started chan string }

// Entrypoint implements queue.Finder.
func (h hanging) Entrypoint(ctx context.Context, name string, _ image.Pull) (image.Entrypoint, error) {
	h.started <- name
	<-ctx.Done()
	return image.Entrypoint{}, ctx.Err()
}

// TestPassDoesNotWaitForARegistry has a registry that never answers: a pass ends while the lookup is under way. It used to
// hold a worker for 15 seconds.
func TestPassDoesNotWaitForARegistry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, []client.Object{taskRun(silent)}, interceptor.Funcs{})
		h := hanging{make(chan string, 10)}
		lookups := queue.New(h, func(types.NamespacedName) {}, queue.Options{})
		w.deps.Images = lookups
		w.Reconciler = NewReconciler(w.deps)
		begun := time.Now()

		first, err := w.Reconcile(t.Context(), ctrl.Request{NamespacedName: keyOf(taskRun())})
		if err != nil || first.RequeueAfter != quietPeriod || w.patches != 0 {
			t.Fatalf("the first pass writes nothing and looks again soon: got %+v, %v and %d writes", first, err, w.patches)
		}
		for range 2 { // the image of the steps and that of the sidecar
			<-h.started
		}
		time.Sleep(quietPeriod) //nolint:forbidigo // in a bubble, which has its own time
		tr := w.pass(t)
		if got := tr.Status.Condition().Message; !strings.Contains(got, "the controller waits for registry docker.io") {
			t.Errorf("the run does not say what it waits for, but %q", got)
		}
		if len(w.pods(t)) != 0 {
			t.Error("there is a pod, and no command for it")
		}
		if waited := time.Since(begun) - quietPeriod; waited != 0 {
			t.Errorf("two passes waited for %s", waited)
		}
		lookups.Forget(keyOf(taskRun()))
	})
}

// TestRunAsksForFewLookupsAtOnce has a run whose steps have as many images.
func TestRunAsksForFewLookupsAtOnce(t *testing.T) {
	w := newWorld(t, []client.Object{taskRun(func(tr *v1.TaskRun) {
		tr.Spec.TaskSpec.Steps = nil
		for i := range 3 * maxLookups {
			tr.Spec.TaskSpec.Steps = append(tr.Spec.TaskSpec.Steps, v1.Step{Image: fmt.Sprintf("tool-%d", i)})
		}
	})}, interceptor.Funcs{})
	for i := range 3 * maxLookups {
		w.images[fmt.Sprintf("tool-%d", i)] = &image.WaitError{Why: "the controller waits for"}
	}
	w.pass(t)
	asked := 0
	for request, n := range w.requests {
		if strings.HasPrefix(request, "look up ") {
			asked += n
		}
	}
	if asked != maxLookups {
		t.Errorf("%d lookups are asked for at once, want %d", asked, maxLookups)
	}
}

// TestLookupsAreForgotten: what a run has asked for is held for no longer than it needs it.
func TestLookupsAreForgotten(t *testing.T) {
	cases := map[string]struct {
		reason string
		then   func(t *testing.T, w *world)
	}{
		"Pod":     {reason: "the pod has its command", then: func(t *testing.T, w *world) { w.pass(t) }},
		"Deleted": {reason: "a run that is gone asks for nothing", then: func(t *testing.T, w *world) { w.remove(t) }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, []client.Object{taskRun(silent)}, interceptor.Funcs{})
			w.pass(t)
			if n := w.forgotten; n != 0 {
				t.Fatalf("forgotten %d times before the pod was there", n)
			}
			tc.then(t, w)
			if w.forgotten == 0 {
				t.Errorf("%s: nothing was forgotten", tc.reason)
			}
		})
	}
}

func (w *world) get(t *testing.T) *v1.TaskRun {
	t.Helper()
	tr := &v1.TaskRun{}
	if err := w.client.Get(t.Context(), keyOf(taskRun()), tr); err != nil {
		t.Fatal(err)
	}
	return tr
}

// remove deletes the run and makes a pass.
func (w *world) remove(t *testing.T) {
	t.Helper()
	if err := w.client.Delete(t.Context(), taskRun()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Reconcile(t.Context(), ctrl.Request{NamespacedName: keyOf(taskRun())}); err != nil {
		t.Fatal(err)
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
	example := corev1.LimitRangeItem{
		DefaultRequest: list("cpu", "1"),
		Min:            list("cpu", "300m"),
		Default:        list("cpu", "2"),
		Max:            list("cpu", "3"),
	}
	cases := map[string]struct {
		reason   string
		ranges   []corev1.LimitRange
		requests []corev1.ResourceList // of the two steps
		limits   corev1.ResourceList   // of the first
		want     []string              // requests for processors of the two steps and of the results sidecar
	}{
		"None": {
			reason:   "without a LimitRange nothing is said",
			requests: []corev1.ResourceList{nil, nil},
			want:     []string{"", "", ""},
		},
		"Share": {
			reason:   "steps share the default, since they run one after the other",
			ranges:   ranges(example),
			requests: []corev1.ResourceList{nil, nil},
			want:     []string{"500m", "500m", "300m"},
		},
		"Least": {
			reason:   "a request below the minimum becomes the minimum",
			ranges:   ranges(example),
			requests: []corev1.ResourceList{list("cpu", "200m"), list("cpu", "1")},
			want:     []string{"300m", "1", "300m"},
		},
		"Several": {
			reason:   "the largest minimum and the smallest default hold",
			ranges:   ranges(example, corev1.LimitRangeItem{DefaultRequest: list("cpu", "800m"), Min: list("cpu", "350m")}),
			requests: []corev1.ResourceList{nil, nil},
			want:     []string{"400m", "400m", "350m"},
		},
		"LargeMin": {
			reason:   "a share is no less than the minimum",
			ranges:   ranges(corev1.LimitRangeItem{DefaultRequest: list("cpu", "1"), Min: list("cpu", "600m")}),
			requests: []corev1.ResourceList{nil, nil},
			want:     []string{"600m", "600m", "600m"},
		},
		"NoMin": {
			reason:   "the results sidecar asks for nothing",
			ranges:   ranges(corev1.LimitRangeItem{DefaultRequest: list("cpu", "1")}),
			requests: []corev1.ResourceList{nil, nil},
			want:     []string{"500m", "500m", "0"},
		},
		"Limit": {
			reason:   "a request is not above the step's own limit",
			ranges:   ranges(example),
			requests: []corev1.ResourceList{nil, nil},
			limits:   list("cpu", "400m"),
			want:     []string{"400m", "500m", "300m"},
		},
		"Ratio": {
			reason:   "where a limit may not be any multiple of the request, the default is left alone",
			ranges:   ranges(corev1.LimitRangeItem{DefaultRequest: list("cpu", "1"), MaxLimitRequestRatio: list("cpu", "2")}),
			requests: []corev1.ResourceList{nil, nil},
			want:     []string{"500m", "500m", ""},
		},
		"OfPods": {
			reason:   "what is said of pods is the API server's to hold",
			ranges:   ranges(corev1.LimitRangeItem{Type: corev1.LimitTypePod, Min: list("cpu", "5")}),
			requests: []corev1.ResourceList{nil, nil},
			want:     []string{"", "", ""},
		},
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
