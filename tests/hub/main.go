// Command skep-hub is the whole development hub in one binary: a real Kubernetes control plane, a
// kubelet, kubectl, and a supervisor that owns them, so that a machine needs nothing but Go to get
// them (docs/spec/60 §1). The first argument says which program to be.
//
// It never decides anything about a hub: which programs run, with which flags, is the caller's.
package main

import (
	"context"
	"fmt"
	"os"
	"sort"
	"strings"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// programs gives each program its entry point. Each sees os.Args as if it had been started by its
// own name, and returns its exit code.
var programs = map[string]func() int{
	"etcd": func() int {
		etcdmain.Main(os.Args)
		return 0
	},
	"kube-apiserver":          func() int { return cli.Run(apiserver.NewAPIServerCommand()) },
	"kube-controller-manager": func() int { return cli.Run(controllers.NewControllerManagerCommand()) },
	"kube-scheduler":          func() int { return cli.Run(scheduler.NewSchedulerCommand()) },
	"kubelet":                 func() int { return cli.Run(kubelet.NewKubeletCommand(context.Background())) },
	"kubectl": func() int {
		if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
			kubectlutil.CheckErr(err)
		}
		return 0
	},
	"supervise": supervise,
}

func main() {
	if len(os.Args) < 2 {
		usage("no program named")
	}
	program, known := programs[os.Args[1]]
	if !known {
		usage(fmt.Sprintf("no program %q", os.Args[1]))
	}
	os.Args = os.Args[1:]
	os.Exit(program())
}

func usage(problem string) {
	names := make([]string, 0, len(programs))
	for name := range programs {
		names = append(names, name)
	}
	sort.Strings(names)
	fmt.Fprintf(os.Stderr, "skep-hub: %s\nusage: skep-hub PROGRAM [FLAGS…]\nprograms: %s\n", problem, strings.Join(names, ", "))
	os.Exit(2)
}
