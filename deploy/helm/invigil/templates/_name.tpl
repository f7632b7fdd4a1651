{{- define "invigil.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- /* Release and chart; a release that carries the chart's name does not say it twice. */ -}}
{{- define "invigil.fullname" -}}
{{- $name := include "invigil.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* What selects a component's pods. A selector cannot change, so no version is in it.
       Takes (list root component). */ -}}
{{- define "invigil.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "invigil.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "invigil.labels" -}}
{{- $root := index . 0 -}}
{{ include "invigil.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: invigil
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end -}}

{{- /* The workers' gRPC addresses, as the embedded directory takes them: each pod by its own name,
       because a room lives on one worker and no other can answer for it. */ -}}
{{- define "invigil.workers" -}}
{{- $worker := printf "%s-worker" (include "invigil.fullname" .) -}}
{{- $addresses := list -}}
{{- range $ordinal := until (int .Values.worker.replicas) -}}
{{- $addresses = append $addresses (printf "%s-%d.%s.%s.svc:50051" $worker $ordinal $worker $.Release.Namespace) -}}
{{- end -}}
{{- join "," $addresses -}}
{{- end -}}
