//go:build integration

package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/rogpeppe/go-internal/testscript"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	sluice "github.com/sluice-ci/sluice/internal/cli"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// root is the folder of the project.
const root = "../../.."

// suite runs the tests with testscript, after the API server is ready.
type suite struct{ m *testing.M }

// Run prepares the API server and runs the tests. Processes that are the command sluice do not call it.
func (s suite) Run() int {
	ctrl.SetLogger(logr.Discard()) // the client's warnings are not part of the tests
	if err := install(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		fmt.Fprintln(os.Stderr, "hint: these tests need an API server; make test-integration starts one")
		return 1
	}
	return s.m.Run()
}

func TestMain(m *testing.M) {
	testscript.Main(suite{m}, map[string]func(){
		"sluice": func() {
			t := terminal.System(os.Stdin, os.Stdout, os.Stderr, os.Getenv)
			os.Exit(int(sluice.Main(context.Background(), t, os.Args[1:])))
		},
	})
}

// install applies the CRDs to the API server.
func install() error {
	kubectl := os.Getenv("KUBECTL")
	if kubectl == "" {
		kubectl = "kubectl"
	}
	args := []string{"apply", "--server-side", "--force-conflicts", "-k", filepath.Join(root, "config/crd")}
	if out, err := exec.Command(kubectl, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return served()
}

// served waits until the API server serves the kinds, which is shortly after their condition says so.
func served() error {
	c, err := (&cluster.Flags{}).Connect()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return wait.PollUntilContextCancel(ctx, 100*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		for _, list := range []client.ObjectList{&v1.TaskList{}, &v1.TaskRunList{}, &v1.PipelineList{}, &v1.PipelineRunList{}} {
			if c.Client.List(ctx, list) != nil {
				return false, nil
			}
		}
		return true, nil
	})
}

func TestScripts(t *testing.T) {
	c := connect(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup:               func(env *testscript.Env) error { return setUp(env, c) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"store":    func(ts *testscript.TestScript, neg bool, args []string) { store(ts, c, neg, args) },
			"shows":    shows,
			"restrict": restrict,
		},
		Condition: func(name string) (bool, error) { return atLeast(c, name) },
	})
}

func connect(t *testing.T) *cluster.Cluster {
	t.Helper()
	c, err := (&cluster.Flags{}).Connect()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// atLeast decides conditions of scripts such as [kubernetes:1.35], which is true on that version of Kubernetes and on later ones.
func atLeast(c *cluster.Cluster, condition string) (bool, error) {
	since, isVersion := strings.CutPrefix(condition, "kubernetes:")
	if !isVersion {
		return false, fmt.Errorf("unknown condition %q; write kubernetes:1.35, for example", condition)
	}
	found, err := c.Kube.Discovery().ServerVersion()
	if err != nil {
		return false, fmt.Errorf("cannot read the version of the API server: %w", err)
	}
	server, err := version.ParseGeneric(found.GitVersion)
	if err != nil {
		return false, err
	}
	wanted, err := version.ParseGeneric(since)
	if err != nil {
		return false, err
	}
	return server.AtLeast(wanted), nil
}

// setUp gives each script a new namespace, and a kubeconfig whose context has this namespace.
func setUp(env *testscript.Env, c *cluster.Cluster) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "cli-"}}
	if err := c.Client.Create(context.Background(), namespace); err != nil {
		return fmt.Errorf("cannot create namespace: %w", err)
	}
	env.Defer(func() { _ = c.Client.Delete(context.Background(), namespace) })
	config, err := clientcmd.NewDefaultClientConfigLoadingRules().Load()
	if err != nil {
		return fmt.Errorf("cannot load kubeconfig: %w", err)
	}
	here := config.Contexts[config.CurrentContext].DeepCopy()
	here.Namespace = namespace.Name
	config.Contexts = map[string]*api.Context{"test": here}
	config.CurrentContext = "test"
	if err := api.FlattenConfig(config); err != nil {
		return fmt.Errorf("cannot write kubeconfig: %w", err)
	}
	file := filepath.Join(env.WorkDir, "kubeconfig")
	env.Setenv("KUBECONFIG", file)
	env.Setenv("NAMESPACE", namespace.Name)
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("KUBECTL", os.Getenv("KUBECTL"))
	return clientcmd.WriteToFile(*config, file)
}
