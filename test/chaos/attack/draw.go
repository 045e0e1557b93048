package attack

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sluice-ci/sluice/test/load/hostile"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

const (
	// stream separates the random numbers of attacks from those of runs and disturbances, which have the same seed.
	stream = 0xa77ac
	// forever is the number of milliseconds for which a step without an end waits.
	forever = 3_600_000
	// room is the approximate number of bytes of results that an object can hold.
	room = 1_400_000
)

// drawer generates one attack.
type drawer struct {
	*rand.Rand
	attack Attack
}

// Make returns the attack with the given number and seed. The same arguments always give the same attack.
func Make(seed uint64, number int) Attack {
	d := drawer{Rand: rand.New(rand.NewPCG(seed^stream, uint64(number)))}
	kinds := Kinds()
	d.attack = Attack{
		Seed: seed, Number: number, Kind: kinds[number%len(kinds)], From: kube.SidecarLogs, Timeout: Unlimited,
		Rest: time.Duration(d.IntN(4000)) * time.Millisecond,
	}
	if d.IntN(3) == 0 {
		d.attack.From = kube.TerminationMessage
	}
	map[string]func(){
		Oversized: d.oversized, Forged: d.forged, Unstartable: d.unstartable, Tarpit: d.tarpit,
		Talkative: d.talkative, Leftover: d.leftover, Wide: d.wide, Filling: d.filling,
	}[d.attack.Kind]()
	return d.attack
}

// wait waits for a time in milliseconds.
func (d *drawer) wait(least, most int) Deed { return Deed{Do: DoWait, N: least + d.IntN(most-least)} }

// result declares a result, and returns the deed that writes that many bytes into it.
func (d *drawer) result(n int) Deed {
	name := fmt.Sprintf("r%d", len(d.attack.Results))
	d.attack.Results = append(d.attack.Results, name)
	return Deed{Do: DoWrite, N: n, Name: name}
}

// honest returns a step that writes a result and ends.
func (d *drawer) honest() Step {
	return Step{Deeds: []Deed{d.result(10 + d.IntN(200)), d.wait(0, 2000)}}
}

func (d *drawer) oversized() {
	d.attack.Large, d.attack.Size = d.IntN(len(hostile.Objects(""))), 0.1+0.9*d.Float64()
}

// forged makes one of up to three steps forge its end. The step then writes a result, or replaces that of another step.
func (d *drawer) forged() {
	n := 1 + d.IntN(3)
	index := d.IntN(n)
	for range n {
		d.attack.Steps = append(d.attack.Steps, d.honest())
	}
	name := d.attack.Results[d.IntN(n)]
	deeds := []Deed{{Do: DoForge, N: index}, d.wait(500, 5000), {Do: DoWrite, N: 300 + d.IntN(200), Name: name}, d.wait(500, 5000)}
	switch d.IntN(3) {
	case 0:
		deeds = append(deeds, Deed{Do: DoExit, N: 3})
	case 1:
		deeds = append(deeds, Deed{Do: DoWait, N: forever}) // a step may run as long as the run's timeout allows
		d.attack.Timeout = time.Duration(10+d.IntN(15)) * time.Second
	}
	d.attack.Steps[index] = Step{Deeds: deeds}
}

// unstartable gives one of two or three steps too little memory. With one step alone the pod would have this limit, and the
// kubelet could not create its sandbox and would retry without end.
func (d *drawer) unstartable() {
	n := 2 + d.IntN(2)
	for range n {
		d.attack.Steps = append(d.attack.Steps, d.honest())
	}
	d.attack.Steps[d.IntN(n)].TooSmall = true
}

func (d *drawer) tarpit() {
	d.attack.Steps = []Step{d.honest()}
	d.attack.Registry, d.attack.Timeout = d.IntN(Registries), time.Duration(5+d.IntN(20))*time.Second
}

func (d *drawer) talkative() {
	d.attack.Steps = []Step{{Deeds: []Deed{d.result(1 + d.IntN(500)), {Do: DoPrint, N: 1<<20 + d.IntN(20<<20)}, d.result(1 + d.IntN(500))}}}
}

// leftover makes a step leave something at the path of a result, which is also the path of the next step's output.
func (d *drawer) leftover() {
	name := d.result(0).Name
	what := []string{DoPipe, DoLink}[d.IntN(2)]
	d.attack.Steps = []Step{{Deeds: []Deed{{Do: what, Name: name}}}}
	if d.IntN(2) == 0 {
		d.attack.Steps = append(d.attack.Steps, Step{Output: "/tekton/results/" + name, Deeds: []Deed{{Do: DoPrint, N: 1000}}})
	}
}

func (d *drawer) wide() {
	d.attack.Width, d.attack.Timeout = 16+d.IntN(48), time.Duration(10+d.IntN(15))*time.Second
	d.attack.Steps = []Step{d.honest()}
}

// filling sets results of about the size that an object can hold: some runs fit, some do not.
func (d *drawer) filling() {
	total := room/2 + d.IntN(room)
	n := 1 + d.IntN(4)
	sizes := make([]int, n)
	for i := range sizes {
		sizes[i] = total/n - i // each result has another size
	}
	var deeds []Deed
	for _, size := range sizes {
		deeds = append(deeds, d.result(size))
	}
	d.attack.Steps = []Step{{Deeds: deeds}}
}
