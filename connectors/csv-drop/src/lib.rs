//! tsunagu-connector-csv-drop
