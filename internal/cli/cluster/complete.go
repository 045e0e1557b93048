package cluster

import (
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
)

// Complete adds shell completion to the flags: contexts of the kubeconfig, and namespaces of the cluster. After an error there is
// no completion, because a shell cannot show the error.
func (f *Flags) Complete(root *cobra.Command) {
	// The flags exist, because Register has added them.
	_ = root.RegisterFlagCompletionFunc("context", func(_ *cobra.Command, _ []string,
		text string) ([]cobra.Completion, cobra.ShellCompDirective) {
		rules := clientcmd.NewDefaultClientConfigLoadingRules()
		rules.ExplicitPath = f.Kubeconfig
		config, err := rules.Load()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return beginning(slices.Sorted(maps.Keys(config.Contexts)), text), cobra.ShellCompDirectiveNoFileComp
	})
	_ = root.RegisterFlagCompletionFunc("namespace", func(c *cobra.Command, _ []string,
		text string) ([]cobra.Completion, cobra.ShellCompDirective) {
		there, err := f.Connect()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		list, err := there.Kube.CoreV1().Namespaces().List(c.Context(), metav1.ListOptions{})
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for i := range list.Items {
			names = append(names, list.Items[i].Name)
		}
		return beginning(names, text), cobra.ShellCompDirectiveNoFileComp
	})
}

// beginning returns the names that begin with text.
func beginning(names []string, text string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, text) })
}
