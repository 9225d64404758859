#!/usr/bin/env bash
# Make or update everything below Databricks: deploy.sh <dev|prod> <parameters file> [--what-if]
# Needs the Azure CLI, signed in (az login), and the role Owner on the subscription: it assigns roles.
set -euo pipefail

usage="usage: deploy.sh <dev|prod> <parameters file> [--what-if]"
environment="${1:?$usage}"
parameters="${2:?$usage}"
action="create"
if [[ "${3:-}" == "--what-if" ]]; then
  action="what-if"
elif [[ $# -gt 2 ]]; then
  echo "$usage" >&2
  exit 2
fi
case "$environment" in
  dev | prod) ;;
  *)
    echo "$usage" >&2
    exit 2
    ;;
esac
if [[ ! -f "$parameters" ]]; then
  echo "There is no file $parameters; copy parameters.example.json and fill it in." >&2
  exit 2
fi

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
location="${AZURE_LOCATION:-westeurope}"

az deployment sub "$action" \
  --name "customer-intelligence-lakehouse-$environment" \
  --location "$location" \
  --template-file "$here/main.bicep" \
  --parameters "@$parameters" \
  --parameters environment="$environment" location="$location"

if [[ "$action" == "create" ]]; then
  az deployment sub show \
    --name "customer-intelligence-lakehouse-$environment" \
    --query "properties.outputs" --output yamlc
fi
