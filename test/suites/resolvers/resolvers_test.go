//go:build e2e

package resolvers

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// place is a place that definitions are fetched from.
type place struct {
	resolver string
	// params returns the params for a kind, whose definition is in a file.
	params func(kind, file string) map[string]string
	// from is what the definition says about where it is from.
	from string
	// uri is in the refSource, and digest is the algorithm of its digest.
	uri, digest string
}

// places returns the places on the servers.
func (f *forge) places() map[string]place {
	secure := f.at("https://", portTLS)
	git := func(url, secret string) func(kind, file string) map[string]string {
		return func(_, file string) map[string]string {
			return with(map[string]string{"url": url, "revision": "main", "pathInRepo": file}, "gitToken", secret)
		}
	}
	api := func(repository, secret string) func(kind, file string) map[string]string {
		return func(_, file string) map[string]string {
			return with(map[string]string{
				"scmType": "gitea", "serverURL": secure, "org": "team", "repo": repository, "revision": "main", "pathInRepo": file,
			}, "token", secret)
		}
	}
	bundle := func(image, secret string) func(kind, file string) map[string]string {
		return func(kind, _ string) map[string]string {
			return with(map[string]string{"bundle": image, "kind": kind, "name": "greet"}, "secret", secret)
		}
	}
	ssh := func(repository string) string {
		return f.at("ssh://git@", portSSH) + "/srv/git/" + repository + ".git"
	}
	return map[string]place{
		"GitOverHTTP": {
			resolver: "git",
			params:   git(f.at("http://", portHTTP)+"/git/open.git", ""),
			from:     "git open",
			uri:      "/git/open.git",
			digest:   "sha1",
		},
		"GitOverTLSWithAPassword": {
			resolver: "git",
			params:   git(secure+"/git/closed.git", "password"),
			from:     "git closed",
			uri:      "git+" + secure + "/git/closed.git",
			digest:   "sha1",
		},
		"GitOverSSH": {
			resolver: "git",
			params:   git(ssh("open"), "open-key"),
			from:     "git open",
			uri:      "/srv/git/open.git",
			digest:   "sha1",
		},
		"GitOverSSHWithAnotherKey": {
			resolver: "git",
			params:   git(ssh("closed"), "closed-key"),
			from:     "git closed",
			uri:      "/srv/git/closed.git",
			digest:   "sha1",
		},
		"GitThroughTheAPI": {
			resolver: "git",
			params:   api("open", ""),
			from:     "the API of open",
			uri:      "git+" + secure + "/team/open.git",
			digest:   "sha1",
		},
		"GitThroughTheAPIWithAToken": {
			resolver: "git",
			params:   api("closed", "token"),
			from:     "the API of closed",
			uri:      "git+" + secure + "/team/closed.git",
			digest:   "sha1",
		},
		"Bundle": {
			resolver: "bundles",
			params:   bundle(f.registry+"/team/catalog:v1", ""),
			from:     "a bundle",
			uri:      f.registry + "/team/catalog",
			digest:   "sha256",
		},
		"BundleWithAPullSecret": {
			resolver: "bundles",
			params:   bundle(fmt.Sprintf("%s:%d/team/catalog@sha256:%s", f.host, portRegistry, f.digest), "pull"),
			from:     "a bundle",
			uri:      fmt.Sprintf("%s:%d/team/catalog", f.host, portRegistry),
			digest:   "sha256",
		},
		"Hub": {
			resolver: "hub",
			params: func(kind, _ string) map[string]string {
				return map[string]string{"url": secure, "kind": kind, "name": "greet", "version": ">= 0.1.0", "catalog": "tekton-catalog-" + kind + "s"}
			},
			from:   "hub",
			uri:    secure + "/api/v1/packages/tekton-",
			digest: "sha256",
		},
		"HTTP": {
			resolver: "http",
			params: func(_, file string) map[string]string {
				return map[string]string{"url": secure + "/files/open/" + file}
			},
			from:   "http",
			uri:    secure + "/files/open/",
			digest: "sha256",
		},
		"HTTPWithAPassword": {
			resolver: "http",
			params: func(_, file string) map[string]string {
				return map[string]string{
					"url": secure + "/files/closed/" + file, "http-username": "forge", "http-password-secret": "password",
				}
			},
			from:   "http with a password",
			uri:    secure + "/files/closed/",
			digest: "sha256",
		},
		"Cluster": {
			resolver: "cluster",
			params: func(kind, _ string) map[string]string {
				return map[string]string{"kind": kind, "name": "greet", "namespace": f.Name}
			},
			from:   "cluster",
			uri:    "greet",
			digest: "sha256",
		},
	}
}

// with adds a param, unless its value is empty.
func with(params map[string]string, name, value string) map[string]string {
	if value != "" {
		params[name] = value
	}
	return params
}

// credentials creates the Secrets that references name in a namespace.
func (f *forge) credentials(t *testing.T, n *suite.Namespace) {
	t.Helper()
	known := fmt.Sprintf("[%s]:%d %s\n", f.host, portSSH, f.hostKey.public)
	registry := fmt.Sprintf("%s:%d", f.host, portRegistry)
	pull, err := json.Marshal(map[string]any{"auths": map[string]any{registry: map[string]string{"username": "forge", "password": password}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string]corev1.Secret{
		"password": {Type: corev1.SecretTypeBasicAuth, StringData: map[string]string{"username": "forge", "password": password}},
		"token":    {StringData: map[string]string{"token": token}},
		"open-key": {
			Type: corev1.SecretTypeSSHAuth, StringData: map[string]string{"ssh-privatekey": f.openKey.private, "known_hosts": known},
		},
		"closed-key": {
			Type: corev1.SecretTypeSSHAuth, StringData: map[string]string{"ssh-privatekey": f.closedKey.private, "known_hosts": known},
		},
		"pull": {Type: corev1.SecretTypeDockerConfigJson, StringData: map[string]string{corev1.DockerConfigJsonKey: string(pull)}},
	} {
		secret.ObjectMeta = metav1.ObjectMeta{Namespace: n.Name, Name: name}
		if err := n.Client.Create(t.Context(), &secret); err != nil {
			t.Fatal(err)
		}
	}
}

// reference returns the reference to a kind at a place.
func (p place) reference(kind, file string) v1.ResolverRef {
	ref := v1.ResolverRef{Resolver: p.resolver}
	for name, text := range p.params(kind, file) {
		ref.Params = append(ref.Params, v1.Param{Name: name, Value: v1.StringValue(text)})
	}
	return ref
}

// kinds returns, for each kind of definition, what runs it at a place. It returns the value of the result "greeting", and the
// source in the status.
func kinds() map[string]func(*testing.T, *suite.Namespace, place, []v1.Param) (string, *v1.Provenance) {
	return map[string]func(*testing.T, *suite.Namespace, place, []v1.Param) (string, *v1.Provenance){
		"Task": func(t *testing.T, n *suite.Namespace, p place, params []v1.Param) (string, *v1.Provenance) {
			run := n.Run(t, v1.TaskRunSpec{Params: params, TaskRef: &v1.TaskRef{ResolverRef: p.reference("task", "task.yaml")}})
			suite.WantSucceeded(t, run.Status.Condition())
			return kube.Values(run)["greeting"].String, run.Status.Provenance
		},
		"Pipeline": func(t *testing.T, n *suite.Namespace, p place, params []v1.Param) (string, *v1.Provenance) {
			run := n.Pipeline(t, v1.PipelineRunSpec{
				Params: params, PipelineRef: &v1.PipelineRef{ResolverRef: p.reference("pipeline", "pipeline.yaml")},
			})
			suite.WantSucceeded(t, run.Status.Condition())
			if len(run.Status.Results) != 1 {
				t.Fatalf("want one result, got %+v", run.Status.Results)
			}
			return run.Status.Results[0].Value.String, run.Status.Provenance
		},
		"StepAction": func(t *testing.T, n *suite.Namespace, p place, params []v1.Param) (string, *v1.Provenance) {
			run := n.Run(t, v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{
				Results: []v1.TaskResult{{Name: "greeting", Value: new(v1.StringValue("$(steps.greet.results.greeting)"))}},
				Steps: []v1.Step{{
					Name: "greet", Params: params, Ref: &v1.StepRef{ResolverRef: p.reference("stepaction", "action.yaml")},
				}},
			}})
			suite.WantSucceeded(t, run.Status.Condition())
			if len(run.Status.Steps) != 1 {
				t.Fatalf("want one step, got %+v", run.Status.Steps)
			}
			return kube.Values(run)["greeting"].String, run.Status.Steps[0].Provenance
		},
	}
}

// TestResolvers runs each kind of definition from each place, with both transports of results. With -short it runs one kind from
// each place of few, with one transport.
func TestResolvers(t *testing.T) {
	f := newForge(t)
	ways := []string{kube.SidecarLogs, kube.TerminationMessage}
	if testing.Short() {
		ways = ways[:1]
	}
	for _, from := range ways {
		t.Run(from, func(t *testing.T) {
			n := suite.NewNamespace(t)
			n.UseFlags(t, from, 4096)
			f.credentials(t, n)
			t.Run("all", func(t *testing.T) { f.everyPlace(t, n) })
		})
	}
	if testing.Short() {
		return
	}
	t.Run("Commit", func(t *testing.T) { oneCommit(t, f) })
	t.Run("Refusals", func(t *testing.T) { refusals(t, f) })
	t.Run("Examples", func(t *testing.T) { exampleRuns(t, f) })
}

// everyPlace runs each kind from each place.
func (f *forge) everyPlace(t *testing.T, n *suite.Namespace) {
	t.Helper()
	for called, p := range f.places() {
		for kind, run := range kinds() {
			if testing.Short() && kind != short()[called] {
				continue
			}
			t.Run(called+"/"+kind, func(t *testing.T) {
				t.Parallel()
				who := "hello " + called
				value, source := run(t, n, p, []v1.Param{{Name: "who", Value: v1.StringValue(who)}})
				if want := who + ", from " + p.from; value != want {
					t.Errorf("want the result %q, got %q", want, value)
				}
				if source == nil || source.RefSource == nil || !strings.Contains(source.RefSource.URI, p.uri) ||
					source.RefSource.Digest[p.digest] == "" {
					t.Errorf("want a source with %q and a digest %s, got %+v", p.uri, p.digest, source)
				}
			})
		}
	}
}

// short returns the kind to run from a place with -short.
func short() map[string]string {
	return map[string]string{"GitOverTLSWithAPassword": "Pipeline", "BundleWithAPullSecret": "StepAction", "Cluster": "Task"}
}
