//go:build integration

package cli

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/manifestfile"
)

// patience bounds the wait of store for an object that a command in the background creates.
const patience = 20 * time.Second

// store stores objects from files as a user and then a controller would write them: first the object, if it does not exist,
// then its status. It replaces $NAME in the files with the script's variables. With -await it creates nothing: a command in
// the background must create the object.
func store(ts *testscript.TestScript, c *cluster.Cluster, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: store [-await] FILE...")
	}
	await := args[0] == "-await"
	if await {
		args = args[1:]
	}
	for _, name := range args {
		text := variables(ts, ts.ReadFile(name))
		objects, err := manifestfile.Read([]string{"-"}, strings.NewReader(text))
		ts.Check(err)
		for _, o := range objects {
			o.SetNamespace(ts.Getenv("NAMESPACE"))
			ts.Check(storeOne(c, o.Unstructured, await))
		}
	}
}

func variables(ts *testscript.TestScript, text string) string {
	return strings.ReplaceAll(text, "$NAMESPACE", ts.Getenv("NAMESPACE"))
}

func storeOne(c *cluster.Cluster, o *unstructured.Unstructured, await bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	status, hasStatus := o.Object["status"]
	stored := o.DeepCopy()
	if await {
		if err := waitFor(ctx, c, stored); err != nil {
			return err
		}
	} else if err := c.Client.Create(ctx, stored); err != nil {
		return fmt.Errorf("cannot create %s %q: %w", o.GetKind(), o.GetName(), err)
	}
	if !hasStatus {
		return nil
	}
	stored.Object["status"] = status
	if err := c.Client.Status().Update(ctx, stored); err != nil {
		return fmt.Errorf("cannot write the status of %s %q: %w", o.GetKind(), o.GetName(), err)
	}
	return nil
}

func waitFor(ctx context.Context, c *cluster.Cluster, o *unstructured.Unstructured) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := c.Client.Get(ctx, client.ObjectKeyFromObject(o), o)
		if !apierrors.IsNotFound(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s %q was not created: %w", o.GetKind(), o.GetName(), ctx.Err())
		case <-tick.C:
		}
	}
}

// shows compares the output of the last command with a file in which … matches any text within a line.
func shows(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 || args[0] != "stdout" && args[0] != "stderr" {
		ts.Fatalf("usage: shows stdout|stderr FILE")
	}
	got, want := ts.ReadFile(args[0]), variables(ts, ts.ReadFile(args[1]))
	var pattern strings.Builder
	pattern.WriteString("^")
	for i, part := range strings.Split(want, "…") {
		if i > 0 {
			pattern.WriteString(".*")
		}
		pattern.WriteString(regexp.QuoteMeta(part))
	}
	pattern.WriteString("$")
	if !regexp.MustCompile(pattern.String()).MatchString(got) {
		var b bytes.Buffer
		fmt.Fprintf(&b, "%s differs from %s; it is\n%s", args[0], args[1], got)
		ts.Fatalf("%s", b.String())
	}
}

// restrict writes a kubeconfig whose user has no permissions.
func restrict(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: restrict FILE")
	}
	config, err := clientcmd.LoadFromFile(ts.Getenv("KUBECONFIG"))
	ts.Check(err)
	for _, user := range config.AuthInfos {
		user.Impersonate = "nobody"
	}
	ts.Check(clientcmd.WriteToFile(*config, ts.MkAbs(args[0])))
}
