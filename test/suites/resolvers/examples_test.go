//go:build e2e

package resolvers

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// examples is the folder of the examples with resolvers.
const examples = "../../../examples/resolvers"

// exampleRuns runs each example, with the hosts of the test in place of those in the file.
func exampleRuns(t *testing.T, f *forge) {
	t.Helper()
	n := suite.NewNamespace(t)
	f.prepareExamples(t, n)
	hosts := strings.NewReplacer(
		"https://git.example.com/team/tasks.git", f.at("https://", portTLS)+"/git/open.git",
		"ssh://git@git.example.com/team/private.git", f.at("ssh://git@", portSSH)+"/srv/git/closed.git",
		"registry.example.com", f.registry,
		"https://files.example.com", f.at("https://", portTLS)+"/files/open",
		"namespace\n      value: shared", "namespace\n      value: "+f.Name,
	)
	files, err := filepath.Glob(examples + "/*.yaml")
	if err != nil || len(files) < 6 {
		t.Fatalf("want six examples, got %q, %v", files, err)
	}
	for _, file := range files {
		if filepath.Base(file) == "greet.yaml" {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			run := &v1.TaskRun{}
			if err := yaml.UnmarshalStrict([]byte(hosts.Replace(read(t, file))), run); err != nil {
				t.Fatal(err)
			}
			ended := n.Run(t, run.Spec)
			suite.WantSucceeded(t, ended.Status.Condition())
			if want, got := "Hello, "+run.Spec.Params[0].Value.String+"!", kube.Values(ended)["greeting"].String; got != want {
				t.Errorf("want the result %q, got %q", want, got)
			}
		})
	}
}

// prepareExamples does what the comments of the examples say: it stores the Task, pushes the bundle and creates the Secret.
func (f *forge) prepareExamples(t *testing.T, n *suite.Namespace) {
	t.Helper()
	f.MustKubectl(t, "apply", "--server-side", "--force-conflicts", "-f", examples+"/greet.yaml")
	f.pushAs(t, "team/tasks:v1", entry("task", "tekton.dev/v1", read(t, examples+"/greet.yaml")))
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.Name, Name: "deploy-key"}, Type: corev1.SecretTypeSSHAuth,
		StringData: map[string]string{
			"ssh-privatekey": f.closedKey.private, "known_hosts": fmt.Sprintf("[%s]:%d %s\n", f.host, portSSH, f.hostKey.public),
		},
	}
	if err := n.Client.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
}
