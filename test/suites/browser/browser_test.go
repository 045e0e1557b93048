//go:build e2e

package browser

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/ui"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// patience bounds every wait for the page or for a run.
const patience = 90 * time.Second

// connect creates a namespace on the current cluster, and makes it the namespace of the kubeconfig's context.
func connect(t *testing.T) *cluster.Cluster {
	t.Helper()
	c, err := (&cluster.Flags{}).Connect()
	if err != nil {
		t.Fatal(err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "browser-"}}
	if err := c.Client.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if os.Getenv("SLUICE_E2E_KEEP") == "" {
			_ = c.Client.Delete(context.Background(), namespace)
		}
	})
	c.Namespace = namespace.Name
	return c
}

// serve runs `sluice ui`, and returns the address that it prints.
func serve(t *testing.T, c *cluster.Cluster) string {
	t.Helper()
	printed, out := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	o := &ui.Options{Terminal: terminal.Plain(nil, out, io.Discard), Source: cluster.Fixed{Cluster: c}, Address: "127.0.0.1"}
	go func() { done <- o.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("sluice ui: %v", err)
		}
	})
	line := make([]byte, 256)
	n, err := printed.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(line[:n]))
}

// page is a tab of the browser, with the errors in it.
type page struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	problems []string
}

// open starts the browser with an empty tab.
func open(t *testing.T) *page {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("there is no chromium: make deps installs it")
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program),
		chromedp.Headless,
		chromedp.NoFirstRun,
		chromedp.WindowSize(1280, 900),
	}
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium has no sandbox for root
	}
	allocated, cancelAll := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancelTab := chromedp.NewContext(allocated)
	t.Cleanup(func() { cancelTab(); cancelAll() })
	p := &page{t: t, ctx: ctx}
	// The first action starts the browser. The browser lives as long as its context.
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("chromium does not start: %v", err)
	}
	go p.listen(chromedp.Console(ctx))
	return p
}

// listen records errors of scripts, and actions that the browser refuses.
func (p *page) listen(messages iter.Seq2[chromedp.ConsoleMessage, error]) {
	for m, err := range messages {
		if err != nil {
			return // the browser has ended
		}
		if (m.Type == chromedp.ConsoleError || m.IsException()) && !strings.Contains(m.URL, "favicon") {
			p.mu.Lock()
			p.problems = append(p.problems, fmt.Sprintf("%s %s: %s", m.Source, m.URL, m.Text))
			p.mu.Unlock()
		}
	}
}

// do runs actions in the browser, within patience.
func (p *page) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.fail(what, err)
	}
}

// fail ends the test, and prints the text of the page.
func (p *page) fail(what string, err error) {
	p.t.Helper()
	body, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string]("document.body.innerText"))
	p.picture("failed")
	p.t.Fatalf("%s: %v\nthe page shows:\n%s", what, err, body[:min(len(body), 4000)])
}

// until waits until an expression of JavaScript is true. The test polls, because the page itself may evaluate only its own
// files.
func (p *page) until(what, expression string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		holds, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
		if holds && err == nil {
			return
		}
		select {
		case <-ctx.Done():
			p.fail(what, errors.Join(err, ctx.Err()))
		case <-ticker.C:
		}
	}
}

// value returns the value of an expression of JavaScript, or of its promise.
func value[T any](p *page, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	found, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.fail(expression, err)
	}
	return found
}

// click clicks the element of a selector.
func (p *page) click(selector chromedp.CSS) {
	p.t.Helper()
	p.do("click "+string(selector), chromedp.Click(selector))
}

// write replaces the text of a field.
func (p *page) write(selector chromedp.CSS, text string) {
	p.t.Helper()
	value[string](p, `document.querySelector(`+quoted(string(selector))+`).value = ""`)
	p.do("write into "+string(selector), chromedp.SendKeys(selector, text))
}

// picture saves a picture of the page among the artifacts of the test.
func (p *page) picture(name string) {
	image, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Logf("no picture %s: %v", name, err)
		return
	}
	if err := os.WriteFile(filepath.Join(p.t.ArtifactDir(), name+".png"), image, 0o600); err != nil {
		p.t.Error(err)
	}
}

// healthy fails the test for every error in the page.
func (p *page) healthy() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.problems) == 0 {
		return nil
	}
	return errors.New(strings.Join(p.problems, "\n"))
}

// quoted returns a string literal of JavaScript.
func quoted(text string) string { return fmt.Sprintf("%q", text) }
