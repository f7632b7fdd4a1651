{{- /* Combinations that would install and then not work. */ -}}
{{- define "invigil.guard" -}}
{{- $auth := .Values.gateway.auth -}}
{{- if not (or $auth.sharedSecret $auth.jwksUrl) -}}
{{- fail "gateway.auth: neither sharedSecret nor jwksUrl, so no token would ever be good." -}}
{{- end -}}
{{- if not .Values.gateway.existingSecret -}}
{{- $key := ternary "jwt-secret" "resume-secret" $auth.sharedSecret -}}
{{- fail (printf "gateway.existingSecret is empty. Make the Secret and name it:\n  kubectl -n %s create secret generic invigil-gateway --from-literal=%s=\"$(openssl rand -base64 48)\"\n  --set gateway.existingSecret=invigil-gateway" .Release.Namespace $key) -}}
{{- end -}}
{{- if gt (int .Values.gateway.replicas) 1 -}}
{{- fail "gateway.replicas is more than 1, but the embedded directory allows exactly one gateway: two would each claim a room for a worker of their own choice." -}}
{{- end -}}
{{- $last := add .Values.worker.media.nodePortBase .Values.worker.replicas -1 | int -}}
{{- if and (eq .Values.worker.media.exposure "nodePortPerPod") (gt $last 32767) -}}
{{- fail (printf "worker.media.nodePortBase leaves the last worker the port %d; NodePorts end at 32767." $last) -}}
{{- end -}}
{{- end -}}
