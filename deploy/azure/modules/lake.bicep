// The lake: a container for deliveries and one a layer, no keys, no public blobs.
param name string
param location string
param tags object

@allowed(['Standard_LRS', 'Standard_ZRS'])
param redundancy string

@description('Of the connector through which Unity Catalog reads and writes.')
param connectorPrincipalId string

@description('Of the people who upload deliveries.')
param uploadersGroupId string

@description('Of Data Factory; empty without it.')
param factoryPrincipalId string = ''

param logsId string

var storageBlobDataContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  // checkov:skip=CKV_AZURE_35: Clusters and serverless warehouses come from addresses that change; who may read is a matter of Entra ID alone.
  // checkov:skip=CKV_AZURE_59: As above.
  // checkov:skip=CKV_AZURE_43: The name is computed: a prefix of small letters and digits, and thirteen characters of a hash.
  // checkov:skip=CKV_AZURE_206: What is in it can be made again from the deliveries; zone redundancy is enough.
  name: take(name, 24)
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: redundancy
  }
  properties: {
    isHnsEnabled: true
    accessTier: 'Hot'
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: {
      enabled: true
      days: 14
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 14
    }
  }
}

resource landing 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = {
  parent: blobs
  name: 'landing'
  properties: {
    publicAccess: 'None'
  }
}

resource bronze 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = {
  parent: blobs
  name: 'bronze'
  properties: {
    publicAccess: 'None'
  }
}

resource silver 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = {
  parent: blobs
  name: 'silver'
  properties: {
    publicAccess: 'None'
  }
}

resource gold 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = {
  parent: blobs
  name: 'gold'
  properties: {
    publicAccess: 'None'
  }
}

// Deliveries are read once, on the day they come.
resource ageing 'Microsoft.Storage/storageAccounts/managementPolicies@2024-01-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'old-deliveries'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: ['blockBlob']
              prefixMatch: ['landing/']
            }
            actions: {
              baseBlob: {
                tierToCool: {
                  daysAfterModificationGreaterThan: 30
                }
              }
            }
          }
        }
      ]
    }
  }
}

resource connectorLanding 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: landing
  name: guid(landing.id, connectorPrincipalId, storageBlobDataContributor)
  properties: {
    principalId: connectorPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataContributor)
  }
}

resource connectorBronze 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: bronze
  name: guid(bronze.id, connectorPrincipalId, storageBlobDataContributor)
  properties: {
    principalId: connectorPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataContributor)
  }
}

resource connectorSilver 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: silver
  name: guid(silver.id, connectorPrincipalId, storageBlobDataContributor)
  properties: {
    principalId: connectorPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataContributor)
  }
}

resource connectorGold 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: gold
  name: guid(gold.id, connectorPrincipalId, storageBlobDataContributor)
  properties: {
    principalId: connectorPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataContributor)
  }
}

// Those who deliver reach the container of the deliveries and no other: who may write beside a table may forge its log.
resource uploaders 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: landing
  name: guid(landing.id, uploadersGroupId, storageBlobDataContributor)
  properties: {
    principalId: uploadersGroupId
    principalType: 'Group'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataContributor)
  }
}

resource factory 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(factoryPrincipalId)) {
  scope: landing
  name: guid(landing.id, 'factory', storageBlobDataContributor)
  properties: {
    principalId: factoryPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataContributor)
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: blobs
  name: 'to-logs'
  properties: {
    workspaceId: logsId
    logs: [
      {
        category: 'StorageDelete'
        enabled: true
      }
      {
        category: 'StorageWrite'
        enabled: true
      }
    ]
  }
}

output storageAccount string = account.name
