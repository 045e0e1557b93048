//go:build e2e

package browser

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
)

var update = flag.Bool("update", false, "rewrite the golden sizes")

// pipeline is a run whose second task uses a result of the first one.
const pipeline = `
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata: {name: release}
spec:
  pipelineSpec:
    tasks:
    - name: make
      taskSpec:
        results: [{name: digest}, {name: evil}]
        steps:
        - name: write
          image: docker.io/library/busybox:latest
          script: |
            #!/bin/sh
            echo "line one of the log"
            echo "<b>bold</b> is not bold"
            printf 'sha256:abc' >"$(results.digest.path)"
            printf '<script>document.title="taken"</script>' >"$(results.evil.path)"
    - name: publish
      params: [{name: digest, value: $(tasks.make.results.digest)}]
      taskSpec:
        params: [{name: digest}]
        steps:
        - name: push
          image: docker.io/library/busybox:latest
          script: echo "publishing $(params.digest)"
    finally:
    - name: tell
      taskSpec:
        steps: [{name: say, image: "docker.io/library/busybox:latest", script: echo done}]
`

// start creates the run of pipeline.
func start(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	run := &v1.PipelineRun{}
	if err := yaml.UnmarshalStrict([]byte(pipeline), run); err != nil {
		t.Fatal(err)
	}
	run.Namespace = c.Namespace
	if err := c.Client.Create(t.Context(), run); err != nil {
		t.Fatal(err)
	}
}

// document returns a JSON text of a megabyte, with one word in the middle that occurs once.
func document() string {
	components := make([]map[string]string, 9000)
	for i := range components {
		components[i] = map[string]string{
			"name":    fmt.Sprintf("component-%05d", i),
			"license": "Apache-2.0",
			"purl":    fmt.Sprintf("pkg:golang/example.com/module-%d@v1.%d.0 <&>", i, i%97),
		}
	}
	components[4500]["note"] = "NeedleInTheHaystack"
	text, err := json.Marshal(map[string]any{"bomFormat": "CycloneDX", "components": components})
	if err != nil {
		panic(err) // maps of strings always encode
	}
	return string(text)
}

// store stores a run with a large result on the cluster. Its spec names another controller, so that no controller changes it.
func store(t *testing.T, c *cluster.Cluster, text string) {
	t.Helper()
	run := &v1.TaskRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: "large"},
		Spec:       v1.TaskRunSpec{ManagedBy: new("example.com/nobody"), TaskSpec: &v1.TaskSpec{Steps: []v1.Step{{Name: "s", Image: "busybox"}}}},
	}
	if err := c.Client.Create(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	now := metav1.NewTime(time.Now())
	patch, err := json.Marshal(map[string]any{"status": v1.TaskRunStatus{
		StartTime: &now, CompletionTime: &now,
		Conditions: []metav1.Condition{{
			Type:               v1.ConditionSucceeded,
			Status:             metav1.ConditionTrue,
			Reason:             v1.TaskRunReasonSucceeded,
			LastTransitionTime: now,
		}},
		Results:    []v1.TaskRunResult{{Name: "sbom", Type: v1.TypeString, Value: v1.StringValue(text)}},
		Provenance: &v1.Provenance{FeatureFlags: &v1.FeatureFlags{MaxResultSize: 1_500_000}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Client.Status().Patch(t.Context(), run, client.RawPatch(types.MergePatchType, patch)); err != nil {
		t.Fatal(err)
	}
}

// TestUI follows a run from the list to its end, with graph, logs and results. It also reads, searches and downloads a large
// result.
func TestUI(t *testing.T) {
	c := connect(t)
	text := document()
	store(t, c, text)
	p := open(t)
	p.do("open the page", chromedp.Navigate(serve(t, c)))
	p.until("the large run is listed", `document.querySelectorAll('#rows tr').length === 1`)
	if address := value[string](p, "location.href"); strings.Contains(address, "token") {
		t.Errorf("the token stays in the address: %s", address)
	}

	start(t, c)
	p.until("a run that begins is listed without asking again", `document.querySelectorAll('#rows tr').length === 2`)
	p.write("#filter", "release")
	p.until("the list is filtered", `document.querySelectorAll('#rows tr').length === 1`)
	p.picture("list")
	sizes := map[string]size{}
	sizes["list"] = sizeOf(p, "#list table")
	p.click("#rows a")
	follow(t, p, sizes)
	p.picture("run")

	p.do("go back", chromedp.NavigateBack())
	p.write("#filter", "large")
	p.until("the list is there again", `document.querySelectorAll('#rows tr').length === 1 && !document.getElementById('list').hidden`)
	p.click("#rows a")
	read(t, p, text, sizes)
	p.picture("result")

	dark(t, p)
	if err := p.healthy(); err != nil {
		t.Errorf("the browser has found something wrong: %v", err)
	}
	compare(t, sizes)
}

// follow watches a run until it has ended.
func follow(t *testing.T, p *page, sizes map[string]size) {
	t.Helper()
	p.until("the graph is drawn while the run goes on", `document.querySelectorAll('#graph .node').length === 3`)
	p.until("the run succeeds", `document.querySelector('#state .succeeded') !== null`)
	p.until("all tasks have", `document.querySelectorAll('#graph .node.succeeded').length === 3`)
	p.until("the timeline has the steps, for readers of screens, too",
		`document.querySelectorAll('#timeline [role=listitem][aria-label*="step "][aria-label*=succeeded]').length === 3`)
	sizes["graph"] = sizeOf(p, "#graph svg")
	if got := value[string](p, `document.querySelector('#graph .result').textContent`); got != "digest 10 B" {
		t.Errorf("want the result on its way from task to task, got %q", got)
	}

	p.click("#graph [data-task=make] rect")
	p.until("its log is shown", `document.getElementById('log').textContent.includes('line one of the log')`)
	p.until("as text", `document.getElementById('log').textContent.includes('<b>bold</b> is not bold')`)
	p.click(`[data-log="publish/push"]`)
	p.until("the log of one step is shown", `document.getElementById('log').textContent.includes('publishing sha256:abc')`)

	p.click(`[data-result="make/evil"]`)
	p.until("a result is shown as text", `document.getElementById('text').textContent === '<script>document.title="taken"</'+'script>'`)
	if title := value[string](p, "document.title"); !strings.HasPrefix(title, "release") {
		t.Errorf("the page executed a result: its title is %q", title)
	}
}

// read reads a large result.
func read(t *testing.T, p *page, text string, sizes map[string]size) {
	t.Helper()
	p.until("its result is listed", `document.querySelector('[data-result="sbom"]') !== null`)
	p.click(`[data-result="sbom"]`)
	p.until("JSON is folded", `!document.getElementById('folded').hidden && document.querySelectorAll('#folded details').length === 2`)
	sizes["folded"] = sizeOf(p, "#folded")
	p.click("#folded > details > details > summary")
	p.until("and unfolds in parts", `document.querySelectorAll('#folded > details > details > details').length === 200`)
	p.click("#fold")
	p.until("it can be read as text", fmt.Sprintf(`document.getElementById('text').textContent.length === %d`, len(text)))
	p.write("#valuesearch", "needleinthehaystack")
	p.until("and be searched", `document.getElementById('matches').textContent === '1 match' && `+
		`document.querySelector('mark.here').textContent === 'NeedleInTheHaystack'`)
	p.until("and the match is seen", `(() => {
		const box = document.getElementById('text').getBoundingClientRect(), match = document.querySelector('mark.here').getBoundingClientRect();
		return match.top >= box.top && match.bottom <= box.bottom;
	})()`)
	got := value[string](p, `(async () => {
		const answer = await fetch(document.querySelector('[data-download="sbom"]').href);
		if (!answer.headers.get('Content-Disposition').startsWith('attachment')) return 'no download';
		const sum = await crypto.subtle.digest('SHA-256', await answer.arrayBuffer());
		return [...new Uint8Array(sum)].map((b) => b.toString(16).padStart(2, '0')).join('');
	})()`)
	if sum := sha256.Sum256([]byte(text)); got != hex.EncodeToString(sum[:]) {
		t.Errorf("the download differs from the result: %s", got)
	}
}

// dark checks that the page follows the user's preferred color scheme.
func dark(t *testing.T, p *page) {
	t.Helper()
	color := func(scheme string) string {
		wanted := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
		if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, wanted); err != nil {
			t.Fatal(err)
		}
		return value[string](p, "getComputedStyle(document.body).backgroundColor")
	}
	if light, dark := color("light"), color("dark"); light == dark {
		t.Errorf("the page is %s in light and in dark", light)
	}
	p.picture("dark")
}

// size is the size of an element on the page, in pixels.
type size struct {
	Width  float64 `json:"width"`
	Height float64 `json:"height"`
}

func sizeOf(p *page, selector string) size {
	p.t.Helper()
	return value[size](p, `(() => { const r = document.querySelector(`+quoted(selector)+
		`).getBoundingClientRect(); return {width: Math.round(r.width), height: Math.round(r.height)}; })()`)
}

// compare compares sizes with the golden ones, with a tolerance for other fonts.
func compare(t *testing.T, got map[string]size) {
	t.Helper()
	const golden, room = "testdata/sizes.json", 0.25
	if *update {
		text, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]size{}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	for name, w := range want {
		g := got[name]
		if math.Abs(g.Width-w.Width) > room*w.Width || math.Abs(g.Height-w.Height) > room*w.Height {
			t.Errorf("%s has %.0f × %.0f pixels, want about %.0f × %.0f (-update rewrites)", name, g.Width, g.Height, w.Width, w.Height)
		}
	}
}
