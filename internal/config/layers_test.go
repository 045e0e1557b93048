package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"
)

// TestLayersOverrideKeyByKey: a key that both have is that of Sluice, and each other key is that of the ConfigMap that has it.
func TestLayersOverrideKeyByKey(t *testing.T) {
	values := map[string]*rapid.Generator[string]{
		keyResultsFrom:    rapid.SampledFrom([]string{"termination-message", "sidecar-logs", "wrong"}),
		keyKeepPod:        rapid.SampledFrom([]string{"true", "false", ""}),
		keyMaxResultSize:  rapid.SampledFrom([]string{"1", "5000", "ten"}),
		keyTimeoutMinutes: rapid.SampledFrom([]string{"0", "10", "-1"}),
		keyServiceAccount: rapid.SampledFrom([]string{"a", "b"}),
	}
	some := func(t *rapid.T, label string) map[string]string {
		data := map[string]string{}
		for key, value := range values {
			if rapid.Bool().Draw(t, label+" has "+key) {
				data[key] = value.Draw(t, label+" "+key)
			}
		}
		return data
	}
	rapid.Check(t, func(t *rapid.T) {
		l := Layers{Flags: some(t, "flags"), Defaults: some(t, "defaults"), Own: some(t, "own")}
		flat := func(tekton map[string]string) map[string]string {
			merged := map[string]string{}
			for key := range values {
				if value, ok := l.Own[key]; ok {
					merged[key] = value
				} else if value, ok := tekton[key]; ok {
					merged[key] = value
				}
			}
			return merged
		}
		ways := []ResultsFrom{TerminationMessage, SidecarLogs}
		wantFlags, wrongFlags := ParseFlags(flat(l.Flags), ways)
		wantDefaults, wrongDefaults := ParseDefaults(flat(l.Defaults))
		c, problems := l.Parse(ways)
		if diff := cmp.Diff(wantFlags, c.Flags); diff != "" {
			t.Errorf("flags: -want +got:\n%s", diff)
		}
		if diff := cmp.Diff(wantDefaults, c.Defaults); diff != "" {
			t.Errorf("defaults: -want +got:\n%s", diff)
		}
		if len(problems) != len(wrongFlags)+len(wrongDefaults) {
			t.Errorf("want %d problems, got %v", len(wrongFlags)+len(wrongDefaults), problems)
		}
		for _, p := range problems {
			if _, own := l.Own[p.Key]; own != (p.ConfigMap == SettingsName) {
				t.Errorf("the value of %s in %s is reported for %s", p.Key, l.Own, p.ConfigMap)
			}
		}
	})
}

func TestEffective(t *testing.T) {
	l := Layers{
		Flags:    map[string]string{keyResultsFrom: "termination-message", keyKeepPod: "true", keySigning: "none", "_example": "x", "other": "y"},
		Defaults: map[string]string{keyTimeoutMinutes: "60"},
		Own:      map[string]string{keyResultsFrom: "sidecar-logs", keySigning: "none", keyServiceAccount: "builder"},
	}
	want := []Effective{
		{Key: keyServiceAccount, Value: "builder", ConfigMap: SettingsName},
		{Key: keyTimeoutMinutes, Value: "60", ConfigMap: DefaultsName},
		{Key: keySigning, Value: "none", ConfigMap: SettingsName, Overridden: "none"},
		{Key: keyKeepPod, Value: "true", ConfigMap: FlagsName},
		{Key: keyResultsFrom, Value: "sidecar-logs", ConfigMap: SettingsName, Overridden: "termination-message", Differs: true},
	}
	if diff := cmp.Diff(want, l.Effective()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestBesideTektonBothNamespacesCount: Tekton's settings apply as they are, those of Sluice's namespace override them, and
// events are about ConfigMaps of Sluice's namespace only.
func TestBesideTektonBothNamespacesCount(t *testing.T) {
	w := newWatched(
		settingsIn("tekton", FlagsName, map[string]string{keyResultsFrom: "termination-message", keyKeepPod: "true", keyMaxResultSize: "ten"}),
		settingsIn("tekton", DefaultsName, map[string]string{keyServiceAccount: "tekton", keyTimeoutMinutes: "5"}),
		settingsIn("ns", SettingsName, map[string]string{keyResultsFrom: "sidecar-logs", keyServiceAccount: "sluice", "colour": "blue"}),
		settingsIn("ns", FlagsName, map[string]string{keyKeepPod: "false"}),
	)
	w.Beside("tekton")
	if err := w.Load(t.Context(), w.client); err != nil {
		t.Fatal(err)
	}
	c := w.store.Load()
	if c.Flags.ResultsFrom != SidecarLogs || !c.Flags.KeepPodOnCancel || c.Defaults.ServiceAccount != "sluice" ||
		c.Defaults.Timeout.Minutes() != 5 || c.Flags.MaxResultSize != defaultFlags().MaxResultSize {
		t.Errorf("want the keys of both namespaces, got %+v, %+v", c.Flags, c.Defaults)
	}
	if diff := cmp.Diff([]string{"PermissionMissing", "SettingUnknown"}, w.events()); diff != "" {
		t.Errorf("events: -want +got:\n%s", diff)
	}
	if w.reads(types.NamespacedName{Namespace: "ns", Name: FlagsName}) {
		t.Error("a ConfigMap of Sluice's namespace with the name of one of Tekton's has no effect beside Tekton")
	}
}

// TestBesideTektonAChangeAppliesAtOnce: a key that is taken out of Sluice's settings gives way to Tekton's value.
func TestBesideTektonAChangeAppliesAtOnce(t *testing.T) {
	own := settingsIn("ns", SettingsName, map[string]string{keyMaxResultSize: "1000"})
	w := newWatched(settingsIn("tekton", FlagsName, map[string]string{keyMaxResultSize: "2000"}), own)
	w.Beside("tekton")
	if err := w.Load(t.Context(), w.client); err != nil {
		t.Fatal(err)
	}
	if got := w.store.Load().Flags.MaxResultSize; got != 1000 {
		t.Fatalf("want the value of Sluice's settings, got %d", got)
	}
	if err := w.client.Delete(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	if events := w.pass(t, "ns", SettingsName); len(events) > 0 {
		t.Errorf("want no events, got %s", strings.Join(events, ", "))
	}
	if got := w.store.Load().Flags.MaxResultSize; got != 2000 {
		t.Errorf("want Tekton's value, got %d", got)
	}
}
