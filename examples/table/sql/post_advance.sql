SELECT advance_order(:'id');
