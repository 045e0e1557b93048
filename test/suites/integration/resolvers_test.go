//go:build integration

package integration

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
)

const (
	resolversNamespace = "tekton-pipelines-resolvers"
	resolversUser      = "system:serviceaccount:" + resolversNamespace + ":sluice-resolvers"
)

// impersonated returns a kubeconfig of the service account of the resolvers.
func impersonated(t *testing.T) string {
	t.Helper()
	raw, err := clientcmd.NewDefaultClientConfigLoadingRules().Load()
	if err != nil {
		t.Fatal(err)
	}
	user := raw.AuthInfos[raw.Contexts[raw.CurrentContext].AuthInfo]
	user.Impersonate = resolversUser
	user.ImpersonateGroups = []string{"system:serviceaccounts", "system:serviceaccounts:" + resolversNamespace, "system:authenticated"}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*raw, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// startResolvers starts the program as its service account, and waits until it is ready.
func startResolvers(t *testing.T, program string) {
	t.Helper()
	health := unusedAddress(t)
	log, err := os.Create(filepath.Join(t.TempDir(), "resolvers.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "--leader-elect=true", "--metrics-bind-address=0", "--health-probe-bind-address="+health)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+impersonated(t))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatalf("cannot start resolvers: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = log.Close()
		if t.Failed() {
			t.Logf("the log of the resolvers ends so:\n%s", logOf(log.Name()))
		}
	})
	eventually(t, func(ctx context.Context) error { _, err := get(ctx, "http://"+health+"/readyz"); return err })
}

// resolutionClient knows the kinds of requests.
func resolutionClient(t *testing.T) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1.AddToScheme, resolutionv1beta1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.New(shared.config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func makeRequest(t *testing.T, c client.Client, namespace, name, resolver string,
	params map[string]string) *resolutionv1beta1.ResolutionRequest {
	t.Helper()
	request := &resolutionv1beta1.ResolutionRequest{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: name, Labels: map[string]string{resolutionv1beta1.LabelType: resolver},
	}}
	for param, value := range params {
		request.Spec.Params = append(request.Spec.Params, v1.Param{Name: param, Value: v1.StringValue(value)})
	}
	if err := c.Create(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	return request
}

// TestResolvers runs the program as its service account: it answers requests of its types, follows its settings, and leaves
// requests of other types alone.
func TestResolvers(t *testing.T) {
	program := filepath.Join(t.TempDir(), "resolvers")
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-s -w", "-o", program, "./cmd/resolvers")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build resolvers: %v\n%s", err, out)
	}
	startResolvers(t, program)
	c, namespace, other := resolutionClient(t), newNamespace(t), newNamespace(t)
	task := &v1.Task{ObjectMeta: metav1.ObjectMeta{Namespace: other, Name: "build"}}
	task.Spec.Steps = []v1.Step{{Name: "one", Image: "busybox", Script: "true"}}
	if err := c.Create(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	unknown := makeRequest(t, c, namespace, "unknown", "custom", nil)
	cases := map[string]struct {
		reason   string
		resolver string
		params   map[string]string
		// want is the reason of the answer, and says is in its definition or message.
		want, says string
	}{
		"cluster": {
			reason:   "A Task of another namespace.",
			resolver: "cluster",
			params:   map[string]string{"kind": "task", "name": "build", "namespace": other},
			want:     "ResolutionSuccessful",
			says:     "image: busybox",
		},
		"absent": {
			reason:   "A Task that does not exist.",
			resolver: "cluster",
			params:   map[string]string{"name": "absent", "namespace": other},
			want:     "ResolutionFailed",
			says:     `cannot get Task "absent"`,
		},
		"loopback": {
			reason:   "The machine of the program is not read.",
			resolver: "http",
			params:   map[string]string{"url": "https://127.0.0.1/task.yaml"},
			want:     "ResolutionFailed",
			says:     "its address is not public",
		},
		"secret": {
			reason:   "A Secret that does not exist is named.",
			resolver: "http",
			params:   map[string]string{"url": "https://127.0.0.1/", "http-username": "u", "http-password-secret": "absent"},
			want:     "ResolutionFailed",
			says:     fmt.Sprintf(`cannot read Secret "absent": it does not exist in namespace %q`, namespace),
		},
		"hub": {
			reason:   "Wrong params are named.",
			resolver: "hub",
			params:   map[string]string{"name": "x"},
			want:     "InvalidRequest",
			says:     `cannot find param "version"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			request := makeRequest(t, c, namespace, name, tc.resolver, tc.params)
			eventually(t, func(ctx context.Context) error {
				if err := c.Get(ctx, client.ObjectKeyFromObject(request), request); err != nil {
					return err
				}
				if !request.Done() {
					return fmt.Errorf("no answer yet: %v", request.Status)
				}
				return nil
			})
			answer, err := base64.StdEncoding.DecodeString(request.Status.Data)
			if got := request.Succeeded(); err != nil || got.Reason != tc.want || !strings.Contains(string(answer)+got.Message, tc.says) {
				t.Errorf("%s\nwant %s with %q, got %v with %q, %v", tc.reason, tc.want, tc.says, got, answer, err)
			}
		})
	}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(unknown), unknown); err != nil || unknown.Status != nil {
		t.Errorf("want no answer to a request of another type, got %v, %v", unknown.Status, err)
	}
}

// TestResolversMayNotMore: the rights of the resolvers, and some that an attacker in them would try.
func TestResolversMayNotMore(t *testing.T) {
	namespace := newNamespace(t)
	in := func(verb, group, resource string) right {
		return right{verb: verb, group: group, resource: resource, namespace: namespace}
	}
	for _, r := range []right{
		in("list", "resolution.tekton.dev", "resolutionrequests"), in("get", "", "secrets"), in("get", "", "serviceaccounts"),
		in("get", "tekton.dev", "tasks"),
		{verb: "update", group: "resolution.tekton.dev", resource: "resolutionrequests", subresource: "status", namespace: namespace},
		{verb: "get", resource: "configmaps", namespace: installation, name: "cluster-resolver-config"},
		{verb: "list", resource: "configmaps", namespace: resolversNamespace},
	} {
		wantRight(t, resolversUser, r, true)
	}
	for _, r := range []right{
		in("list", "", "secrets"), in("watch", "", "secrets"), in("create", "", "pods"), in("get", "", "pods"), in("list", "", "pods"),
		in("get", "tekton.dev", "taskruns"), in("create", "tekton.dev", "taskruns"), in("list", "tekton.dev", "tasks"),
		in("create", "tekton.dev", "tasks"), in("get", "", "configmaps"), in("create", "resolution.tekton.dev", "resolutionrequests"),
		in("delete", "resolution.tekton.dev", "resolutionrequests"), in("create", "", "serviceaccounts"),
		{verb: "get", resource: "configmaps", namespace: installation, name: "feature-flags"},
		{verb: "create", resource: "serviceaccounts", subresource: "token", namespace: namespace},
		{verb: "get", resource: "pods", subresource: "log", namespace: namespace},
		{verb: "create", group: "rbac.authorization.k8s.io", resource: "rolebindings", namespace: namespace},
	} {
		wantRight(t, resolversUser, r, false)
	}
}
