output "names" {
  description = "Table names by short name, the same in both Regions."
  value       = local.names
}

output "arns" {
  description = "ARNs of the tables in the primary Region."
  value       = { for table, resource in aws_dynamodb_table.this : table => resource.arn }
}

output "replica_arns" {
  description = "ARNs of the replicas; empty without them."
  value       = { for table, resource in aws_dynamodb_table_replica.this : table => resource.arn }
}

output "indexes" {
  description = "Index names of each table."
  value       = { for table, schema in var.tables : table => keys(schema.indexes) }
}

output "environment" {
  description = "Environment variables that tell a task the tables' names."
  value       = { for table, schema in var.tables : schema.env => local.names[table] }
}
