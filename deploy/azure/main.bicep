// Everything below Databricks: a lake, a workspace, a vault, logs, a budget, and who may do what.
// No secret goes in or comes out: all parties sign in with Entra ID.
targetScope = 'subscription'

@description('The region of all resources.')
param location string = 'westeurope'

@allowed(['dev', 'prod'])
param environment string

@minLength(3)
@maxLength(11)
@description('Begins every name; small letters and digits.')
param prefix string = 'cilake'

@description('What a month may cost, in the currency of the subscription.')
param monthlyBudget int

@description('The first day of the month from which the budget counts, as 2026-12-01.')
param budgetStart string

@description('Who hears of the budget.')
param alertEmails array

@description('The object id of the group whose members upload deliveries.')
param uploadersGroupId string

@description('The object id of the group whose members keep the secrets.')
param secretKeepersGroupId string

@description('Whether Data Factory lands the files and starts the job; without it the schedule of the job does.')
param withDataFactory bool = false

var name = '${prefix}-${environment}'
var tags = {
  project: 'customer-intelligence-lakehouse'
  environment: environment
  cost_center: 'customer-intelligence'
}
var managedGroupName = '${name}-databricks-managed'

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: name
  location: location
  tags: tags
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    name: '${name}-logs'
    location: location
    tags: tags
  }
}

module databricks 'modules/databricks.bicep' = {
  name: 'databricks'
  scope: group
  params: {
    name: name
    location: location
    tags: tags
    managedGroupId: subscriptionResourceId('Microsoft.Resources/resourceGroups', managedGroupName)
    logsId: monitoring.outputs.logsId
  }
}

module dataFactory 'modules/data_factory.bicep' = if (withDataFactory) {
  name: 'dataFactory'
  scope: group
  params: {
    name: '${name}-factory'
    location: location
    tags: tags
    logsId: monitoring.outputs.logsId
  }
}

module lake 'modules/lake.bicep' = {
  name: 'lake'
  scope: group
  params: {
    name: '${prefix}${environment}${uniqueString(group.id)}'
    location: location
    tags: tags
    redundancy: environment == 'prod' ? 'Standard_ZRS' : 'Standard_LRS'
    connectorPrincipalId: databricks.outputs.connectorPrincipalId
    uploadersGroupId: uploadersGroupId
    factoryPrincipalId: withDataFactory ? dataFactory.outputs.principalId : ''
    logsId: monitoring.outputs.logsId
  }
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  scope: group
  params: {
    name: '${prefix}${environment}${uniqueString(group.id)}'
    location: location
    tags: tags
    keepersGroupId: secretKeepersGroupId
    factoryPrincipalId: withDataFactory ? dataFactory.outputs.principalId : ''
    logsId: monitoring.outputs.logsId
  }
}

module budget 'modules/budget.bicep' = {
  name: 'budget'
  params: {
    name: name
    amount: monthlyBudget
    startDate: budgetStart
    emails: alertEmails
    groupNames: [name, managedGroupName]
  }
}

output storageAccount string = lake.outputs.storageAccount
output workspaceUrl string = databricks.outputs.workspaceUrl
output accessConnectorId string = databricks.outputs.connectorId
output vaultUri string = vault.outputs.vaultUri
